"""Models of a weighted sum and a link as ONNX: logistic, linear and generalized, naive Bayes."""

import math
from typing import Any

import numpy as np
from onnx import TensorProto

from updraft.core.errors import UpdraftError
from updraft.training.export.graph import Array, Graph

# The limits of a mean in Spark.
TINY = 1e-16
HUGE = float(np.finfo(np.float64).max)
LIMITS = {"gaussian": (-HUGE, HUGE), "binomial": (TINY, 1 - TINY)}
DEFAULT_LINKS = {
    "gaussian": "identity",
    "binomial": "logit",
    "poisson": "log",
    "gamma": "inverse",
}
LINKS_OF_POWERS = {0.0: "log", 1.0: "identity", -1.0: "inverse", 0.5: "sqrt"}


def logistic_regression(graph: Graph, features: str, model: Any) -> str:
    """Probabilities, of shape (rows, width)."""
    weights = model.coefficientMatrix.toArray()
    sums = weighted_sums(graph, features, weights, model.interceptVector.toArray())
    return class_probabilities(graph, sums, len(weights))


def linear_regression(graph: Graph, features: str, model: Any) -> str:
    """The prediction, of shape (rows, 1)."""
    weights = model.coefficients.toArray().reshape(1, -1)
    return weighted_sums(graph, features, weights, np.array([model.intercept]))


def generalized_linear_regression(graph: Graph, features: str, model: Any) -> str:
    """The mean, of shape (rows, 1)."""
    eta = linear_regression(graph, features, model)
    family = model.getFamily().lower()
    power = 1.0
    if family == "tweedie":
        variance = model.getVariancePower()
        power = model.getLinkPower() if model.isSet("linkPower") else 1 - variance
        link = LINKS_OF_POWERS.get(power, "power")
        family = "gaussian" if variance == 0 else family
    elif model.isSet("link"):
        link = model.getLink().lower()
    else:
        link = DEFAULT_LINKS[family]
    lowest, highest = LIMITS.get(family, (TINY, HUGE))
    return graph.add("Clip", _mean(graph, eta, link, power), lowest, highest)


def naive_bayes(graph: Graph, features: str, model: Any) -> str:
    """Probabilities, of shape (rows, width)."""
    prior = model.pi.toArray()
    theta = model.theta.toArray()  # Logarithms of probabilities; means for the Gaussian type.
    model_type = model.getModelType()
    match model_type:
        case "multinomial":
            sums = weighted_sums(graph, features, theta, prior)
        case "complement":
            sums = weighted_sums(graph, features, theta, np.zeros(len(prior)))
        case "bernoulli":
            log_complements = np.log1p(-np.exp(theta))
            intercepts = prior + log_complements.sum(axis=1)
            sums = weighted_sums(graph, features, theta - log_complements, intercepts)
        case "gaussian":
            sums = _gaussian_sums(graph, features, prior, theta, model.sigma.toArray())
        case _:
            raise UpdraftError(
                f"export: found modelType {model_type!r}, expected multinomial, complement, "
                "bernoulli or gaussian. Change model.algorithms.naive_bayes."
            )
    return class_probabilities(graph, sums, len(prior))


def weighted_sums(graph: Graph, features: str, weights: Array, intercepts: Array) -> str:
    """Of shape (rows, sums); ``weights`` (sums, features), ``intercepts`` (sums,)."""
    return graph.add("Add", graph.add("MatMul", features, weights.T), intercepts)


def class_probabilities(graph: Graph, sums: str, number: int) -> str:
    """Probabilities, of shape (rows, width).

    ``sums`` of shape (rows, ``number``): the log-odds of class 1, or the logarithm of each class's
    probability up to a constant.
    """
    if number == 1:
        positive = graph.add("Sigmoid", sums)
        if graph.width == 1:
            return positive
        return graph.concat([graph.add("Sub", 1.0, positive), positive])
    probabilities = graph.add("Softmax", sums, axis=1)
    if graph.width > 1:
        return probabilities
    return graph.add("Gather", probabilities, np.array([1]), axis=1)


def _gaussian_sums(
    graph: Graph, features: str, prior: Array, means: Array, variances: Array
) -> str:
    """The log-likelihood of each class, of shape (rows, classes)."""
    sums = []
    for weight, mean, variance in zip(prior, means, variances, strict=True):
        difference = graph.add("Sub", features, mean)
        squares = graph.add("Mul", difference, difference)
        distance = graph.add("MatMul", squares, (-0.5 / variance).reshape(-1, 1))
        constant = weight - 0.5 * np.log(2 * math.pi * variance).sum()
        sums.append(graph.add("Add", distance, constant))
    return graph.concat(sums)


def _mean(graph: Graph, eta: str, link: str, power: float) -> str:
    """The inverse of the link function, applied to the linear predictor ``eta``."""
    match link:
        case "identity":
            mean = eta
        case "log":
            mean = graph.add("Exp", eta)
        case "inverse":
            mean = graph.add("Reciprocal", eta)
        case "sqrt":
            mean = graph.add("Mul", eta, eta)
        case "power":
            mean = graph.add("Pow", eta, 1 / power)
        case "logit":
            mean = graph.add("Sigmoid", eta)
        case "cloglog":
            survival = graph.add("Exp", graph.add("Neg", graph.add("Exp", eta)))
            mean = graph.add("Sub", 1.0, survival)
        case "probit":  # ONNX Runtime has the error function in single precision only.
            scaled = graph.add("Mul", eta, math.sqrt(0.5))
            single = graph.add("Cast", scaled, to=TensorProto.FLOAT)
            erf = graph.double(graph.add("Erf", single))
            mean = graph.add("Mul", graph.add("Add", erf, 1.0), 0.5)
        case _:
            raise UpdraftError(
                f"export: found link {link!r}, expected identity, log, inverse, sqrt, power, "
                "logit, cloglog or probit. "
                "Change model.algorithms.generalized_linear_regression."
            )
    return mean
