"""One EM step of the mixture model against the formulas in numpy and against scikit-learn.

usage: check_em.py EM_PRINT      tolerance: 1e-9 absolute, on weights, means, covariances, likelihoods
"""
import json
import subprocess
import sys
import warnings

try:
    import numpy as np
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

data = json.loads(subprocess.run(sys.argv[1:2], check=True, capture_output=True, text=True).stdout)
k = data["components"]
x = np.array(data["rows"]).reshape(-1, 2)
failures = []


def state(prefix):
    return (np.array(data[prefix + "_weight"]), np.array(data[prefix + "_mean"]).reshape(k, 2),
            np.array(data[prefix + "_cov"]).reshape(k, 2, 2))


def log_density(weight, mean, cov):
    out = np.empty((len(x), k))
    for j in range(k):
        d = x - mean[j]
        out[:, j] = (np.log(weight[j]) - np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(cov[j])[1]
                     - 0.5 * np.einsum("ia,ab,ib->i", d, np.linalg.inv(cov[j]), d))
    return out


def close(what, got, expected):
    error = np.max(np.abs(np.asarray(got) - np.asarray(expected)))
    print(f"{what}: max error {error:.2e}")
    if not error < 1e-9:
        failures.append(what)


def check_formulas(prefix, row_weight):
    start, end = state(prefix + "start"), state(prefix + "end")
    for at, parameters in enumerate((start, end)):
        log_p = np.logaddexp.reduce(log_density(*parameters), axis=1)
        loss = -np.sum(row_weight * log_p) / row_weight.sum()
        close(f"{prefix}loss {at}", data[prefix + "loss"][at], loss)
    log_joint = log_density(*start)
    share = np.exp(log_joint - np.logaddexp.reduce(log_joint, axis=1)[:, None])
    share *= row_weight[:, None]
    total = share.sum(axis=0)
    mean = share.T @ x / total[:, None]
    cov = np.array([(share[:, j, None] * (x - mean[j])).T @ (x - mean[j]) / total[j]
                    for j in range(k)])
    close(prefix + "weights", end[0], total / row_weight.sum())
    close(prefix + "means", end[1], mean)
    close(prefix + "covariances", end[2], cov)


check_formulas("", np.ones(len(x)))
check_formulas("weighted_", np.array(data["weight"]))

try:
    from sklearn.mixture import GaussianMixture
except ImportError:
    print("scikit-learn is not here: compared with the formulas alone")
else:
    weight, mean, cov = state("start")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one step does not converge
        peer = GaussianMixture(k, max_iter=1, reg_covar=0, weights_init=weight / weight.sum(),
                               means_init=mean, precisions_init=np.linalg.inv(cov)).fit(x)
    end = state("end")
    close("weights, scikit-learn", end[0], peer.weights_)
    close("means, scikit-learn", end[1], peer.means_)
    close("covariances, scikit-learn", end[2], peer.covariances_)

sys.exit(f"differ: {failures}" if failures else 0)
