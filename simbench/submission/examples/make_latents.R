# Latents of every recording: here principal components, learned on the training cultures.
# Base R alone (RcppCNPy reads no float32); zip() needs the program `zip`, part of Rtools on Windows.

index <- read.csv("index.csv")

# dF/F, float32, one row per neuron and one column per frame
traces <- function(i) {
  con <- file(file.path("dff", paste0(index$recording[i], ".npy")), "rb")
  on.exit(close(con))
  readBin(con, "raw", 8)
  readBin(con, "raw", readBin(con, "integer", 1, size = 2, signed = FALSE, endian = "little"))
  n <- index$n_neurons[i] * index$n_frames[i]
  values <- readBin(con, "numeric", n, size = 4, endian = "little")
  matrix(values, index$n_neurons[i], byrow = TRUE)
}

write_npy <- function(path, x) {
  header <- sprintf("{'descr': '<f8', 'fortran_order': True, 'shape': (%d, %d), }\n",
                    nrow(x), ncol(x))
  con <- file(path, "wb")
  on.exit(close(con))
  writeBin(as.raw(c(0x93, utf8ToInt("NUMPY"), 1, 0)), con)
  writeBin(nchar(header), con, size = 2, endian = "little")
  writeBin(charToRaw(header), con)
  writeBin(as.double(x), con, size = 8, endian = "little")
}

train <- do.call(rbind, lapply(which(index$split == "train"), traces))
pca <- prcomp(train, rank. = 8)

dir.create("latents")
for (i in seq_len(nrow(index))) {
  latents <- predict(pca, traces(i))
  write_npy(file.path("latents", paste0(index$recording[i], ".npy")), latents)
}
zip("latents.zip", list.files("latents", full.names = TRUE), flags = "-jq")
