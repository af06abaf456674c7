"""Which hyperparameters the trials of an algorithm have: grid, random or TPE, by Optuna."""

import itertools
from collections.abc import Iterator

import optuna
from optuna.trial import TrialState

from updraft.core.metrics import metric_of
from updraft.core.sections import Algorithm, Bounds, Choices, Model
from updraft.training.recipe import Parameters

optuna.logging.set_verbosity(optuna.logging.WARNING)
ATTEMPTS = 20  # Samplers repeat themselves, and a trial that was run before would be a waste.
STARTUP_TRIALS = 3  # Complete trials of an algorithm before its trials are compared to the median.
# Metrics are rounded, so that the last bits of a sum, which depend on the order of its terms,
# change neither the next trials nor the winner.
DIGITS = 4


class Sampler:
    """The trials of one algorithm. Deterministic for a seed and the results so far."""

    def __init__(self, algorithm: Algorithm, model: Model) -> None:
        self._algorithm = algorithm
        self._study = _study(model)
        if model.search.method == "grid":
            for combination in self._combinations():
                self._study.enqueue_trial(combination)

    def ask(self) -> optuna.Trial:
        """The next trial, with parameters that were not tried before.

        Where all combinations can be listed, no more trials are planned than there are of them.
        """
        tried = self._tried()
        for _ in range(ATTEMPTS):
            optuna_trial = self._suggest()
            if optuna_trial.params not in tried or self._algorithm.combinations is None:
                return optuna_trial
            self._study.tell(optuna_trial, state=TrialState.FAIL)
        # The sampler keeps suggesting what was tried: take the first combination that was not.
        untried = (values for values in self._combinations() if values not in tried)
        self._study.enqueue_trial(next(untried))
        return self._suggest()

    def parameters(self, optuna_trial: optuna.Trial) -> Parameters:
        """All hyperparameters of a trial, the fixed ones included."""
        return {**self._algorithm.fixed, **optuna_trial.params}

    def tell(self, optuna_trial: optuna.Trial, value: float | None) -> None:
        """Give the sampler a trial's result: the value of the metric, None if it was pruned."""
        if value is None:
            self._study.tell(optuna_trial, state=TrialState.PRUNED)
        else:
            self._study.tell(optuna_trial, round(value, DIGITS))

    def _tried(self) -> list[Parameters]:
        not_tried = (TrialState.FAIL, TrialState.WAITING)
        trials = self._study.get_trials(deepcopy=False)
        return [trial.params for trial in trials if trial.state not in not_tried]

    def _suggest(self) -> optuna.Trial:
        optuna_trial = self._study.ask()
        for name, values in self._algorithm.search.items():
            _suggest_value(optuna_trial, name, values)
        return optuna_trial

    def _combinations(self) -> Iterator[Parameters]:
        """Every combination of the values of lists and ranges of integers."""
        names = list(self._algorithm.search)
        choices = map(_choices, self._algorithm.search.values())
        for combination in itertools.product(*choices):
            yield dict(zip(names, combination, strict=True))


def _study(model: Model) -> optuna.Study:
    search = model.search
    samplers = optuna.samplers
    sampler = samplers.TPESampler if search.method == "tpe" else samplers.RandomSampler
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if search.pruning:
        pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS)
    return optuna.create_study(
        sampler=sampler(seed=search.seed),
        pruner=pruner,
        direction="maximize" if metric_of(model.metric).more_is_better else "minimize",
    )


def _choices(values: Choices | Bounds) -> Choices | range:
    if isinstance(values, Bounds):
        return range(int(values.low), int(values.high) + 1)
    return values


def _suggest_value(optuna_trial: optuna.Trial, name: str, values: Choices | Bounds) -> None:
    if not isinstance(values, Bounds):
        optuna_trial.suggest_categorical(name, values)
    elif isinstance(values.low, int) and isinstance(values.high, int):
        optuna_trial.suggest_int(name, values.low, values.high, log=values.log)
    else:
        optuna_trial.suggest_float(name, values.low, values.high, log=values.log)
