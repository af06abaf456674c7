"""Models that are a weighted sum and a link, as ONNX: logistic and linear regression, generalized ones, naive Bayes."""

import math
from typing import Any

import numpy as np
from onnx import TensorProto

from updraft.core.errors import UpdraftError
from updraft.training.export.graph import Array, Graph

TINY, HUGE = 1e-16, float(np.finfo(np.float64).max)  # Between which Spark keeps a mean.


def logistic_regression(graph: Graph, features: str, model: Any) -> str:
    """Probabilities, shape (rows, width)."""
    weights = model.coefficientMatrix.toArray()
    return classes(graph, weighted(graph, features, weights, model.interceptVector.toArray()), len(weights))


def linear_regression(graph: Graph, features: str, model: Any) -> str:
    """Shape (rows, 1)."""
    return weighted(graph, features, model.coefficients.toArray().reshape(1, -1), np.array([model.intercept]))


def generalized_linear_regression(graph: Graph, features: str, model: Any) -> str:
    """The mean, shape (rows, 1)."""
    eta = linear_regression(graph, features, model)
    family = model.getFamily().lower()
    if family == "tweedie":
        variance = model.getVariancePower()
        power = model.getLinkPower() if model.isSet("linkPower") else 1 - variance
        link = {0.0: "log", 1.0: "identity", -1.0: "inverse", 0.5: "sqrt"}.get(power, "power")
        family = "gaussian" if variance == 0 else family
    else:
        defaults = {"gaussian": "identity", "binomial": "logit", "poisson": "log", "gamma": "inverse"}
        link, power = (model.getLink().lower() if model.isSet("link") else defaults[family]), 1.0
    lowest, highest = {"gaussian": (-HUGE, HUGE), "binomial": (TINY, 1 - TINY)}.get(family, (TINY, HUGE))
    return graph.add("Clip", _mean(graph, eta, link, power), lowest, highest)


def naive_bayes(graph: Graph, features: str, model: Any) -> str:
    """Probabilities, shape (rows, width)."""
    prior, logs, kind = model.pi.toArray(), model.theta.toArray(), model.getModelType()
    match kind:
        case "multinomial":
            sums = weighted(graph, features, logs, prior)
        case "complement":
            sums = weighted(graph, features, logs, np.zeros(len(prior)))
        case "bernoulli":
            absent = np.log1p(-np.exp(logs))
            sums = weighted(graph, features, logs - absent, prior + absent.sum(axis=1))
        case "gaussian":
            sums = _gaussian(graph, features, prior, logs, model.sigma.toArray())
        case _:
            raise UpdraftError(f"export: found the naive Bayes {kind}, which it does not know.")
    return classes(graph, sums, len(prior))


def weighted(graph: Graph, features: str, weights: Array, intercepts: Array) -> str:
    """``weights`` of shape (outputs, features), ``intercepts`` of shape (outputs,)."""
    return graph.add("Add", graph.add("MatMul", features, weights.T), intercepts)


def classes(graph: Graph, logs: str, number: int) -> str:
    """Probabilities, shape (rows, width): of one number, which is log-odds, or of a number for each class."""
    if number == 1:
        chances = graph.add("Sigmoid", logs)
        return chances if graph.width == 1 else graph.beside([graph.add("Sub", 1.0, chances), chances])
    chances = graph.add("Softmax", logs, axis=1)
    return chances if graph.width > 1 else graph.add("Gather", chances, np.array([1]), axis=1)


def _gaussian(graph: Graph, features: str, prior: Array, means: Array, variances: Array) -> str:
    logs = []
    for weight, mean, variance in zip(prior, means, variances, strict=True):
        apart = graph.add("Sub", features, mean)
        square = graph.add("MatMul", graph.add("Mul", apart, apart), (-0.5 / variance).reshape(-1, 1))
        logs.append(graph.add("Add", square, weight - 0.5 * np.log(2 * math.pi * variance).sum()))
    return graph.beside(logs)


def _mean(graph: Graph, eta: str, link: str, power: float) -> str:
    """What the link function has made ``eta`` of."""
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
            mean = graph.add("Sub", 1.0, graph.add("Exp", graph.add("Neg", graph.add("Exp", eta))))
        case "probit":  # ONNX Runtime knows the error function in single precision only.
            single = graph.add("Cast", graph.add("Mul", eta, math.sqrt(0.5)), to=TensorProto.FLOAT)
            mean = graph.add("Mul", graph.add("Add", graph.double(graph.add("Erf", single)), 1.0), 0.5)
        case _:
            raise UpdraftError(f"export: found the link {link}, which it does not know.")
    return mean
