% Latents of every recording: here principal components, learned on the training cultures.

file = fopen('index.csv');
index = textscan(file, '%s %s %f %f %f %s', 'Delimiter', ',', 'HeaderLines', 1);
fclose(file);
[recording, split, n_neurons, n_frames] = index{1:4};

% dF/F, float32, one row per neuron and one column per frame
traces = cell(size(recording));
for i = 1:numel(recording)
    file = fopen(fullfile('dff', [recording{i} '.npy']), 'r', 'ieee-le');
    fseek(file, 8, 'bof');
    fseek(file, fread(file, 1, 'uint16'), 'cof');
    traces{i} = fread(file, [n_frames(i), n_neurons(i)], 'single')';
    fclose(file);
end

train = cat(1, traces{strcmp(split, 'train')});
average = mean(train, 1);
[~, ~, components] = svd(bsxfun(@minus, train, average), 'econ');

mkdir('latents');
files = cell(size(recording));
for i = 1:numel(recording)
    latents = bsxfun(@minus, traces{i}, average) * components(:, 1:8);
    header = sprintf( ...
        '{''descr'': ''<f8'', ''fortran_order'': True, ''shape'': (%d, %d), }\n', size(latents));
    files{i} = [recording{i} '.npy'];
    file = fopen(fullfile('latents', files{i}), 'w', 'ieee-le');
    fwrite(file, [147 double('NUMPY') 1 0], 'uint8');
    fwrite(file, numel(header), 'uint16');
    fwrite(file, header, 'char*1');
    fwrite(file, latents, 'double');
    fclose(file);
end
zip('latents.zip', files, 'latents');
