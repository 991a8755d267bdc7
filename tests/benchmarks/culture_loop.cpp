// A plain loop over the reference scheme with a sparse matrix: the limit to measure against.
// Continues from the state in v, u, g and resource. Draws its noise itself if none is given.
#include <cmath>
#include <random>
#include <vector>

extern "C" long run(long n, long n_steps, const long *first, const long *post, const double *weight,
                    const double *a, const double *b, const double *c, const double *d, double *v,
                    double *u, double *g, double *resource, const double *noise, double sigma,
                    double beta, double tau, double tau_r, unsigned long seed) {
    std::mt19937_64 engine(seed);
    std::normal_distribution<double> normal;
    std::vector<long> fired;
    const double amplitude = std::sqrt(2 * sigma);
    long n_spikes = 0;
    for (long step = 0; step < n_steps; ++step) {
        fired.clear();
        for (long i = 0; i < n; ++i) {
            const double drive =
                g[i] + amplitude * (noise ? noise[step * n + i] : normal(engine));
            const double du = a[i] * (b[i] * v[i] - u[i]);
            for (int half = 0; half < 2; ++half)
                v[i] += 0.5 * ((0.04 * v[i] + 5) * v[i] + 140 - u[i] + drive);
            u[i] += du;
            g[i] -= g[i] / tau;
            resource[i] += (1 - resource[i]) / tau_r;
            if (v[i] > 30) fired.push_back(i);
        }
        for (long i : fired) {
            v[i] = c[i];
            u[i] += d[i];
            for (long k = first[i]; k < first[i + 1]; ++k) g[post[k]] += weight[k] * resource[i];
            resource[i] *= 1 - beta;
        }
        n_spikes += fired.size();
    }
    return n_spikes;
}
