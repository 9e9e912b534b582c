/* sim/num/gauss_error.h: what an error of mean and covariance costs a Gaussian law in W2^2. */
#ifndef MAD_NUM_GAUSS_ERROR_H
#define MAD_NUM_GAUSS_ERROR_H

/**
 * E W2^2 to second order, of a law with E Sigma = ratio Sigma_0, E |mu - mu_0|^2 = drift and
 * covariance fluctuations phi (E e_ij^2 = phi s_i s_j (1 + [i = j]) in the eigenbasis of Sigma_0):
 * (1 - sqrt ratio)^2 tr Sigma_0 + drift + phi ratio^-3/2 cost.
 *
 * cost    0.5 [sum s_i + sum_{i != j} s_i s_j/(s_i + s_j)]; dim (dim + 1)/4 for the unit matrix
 * returns NaN where the relative fluctuation (dim + 1) phi / ratio^2 of an eigenvalue passes 1/2:
 *         there is no expansion
 */
double mad_gauss_error(double dim, double trace0, double cost, double drift, double ratio,
                       double phi);

#endif
