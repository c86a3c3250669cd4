"""Answers of a run to checklist items, each a few plain sentences; None if the run cannot answer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from spinal_tf.cohort.case import Sex, Split
from spinal_tf.evaluation.described import Proportion, mean_sd
from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_files import software_versions
from spinal_tf.evaluation.overlap_text import spread_cell
from spinal_tf.evaluation.predictions import CaseSet, Prediction
from spinal_tf.report.study.sentences import judged_set, measured, point
from spinal_tf.taxonomy import tree

Answer = Callable[[Evaluation], str | None]

AGE_AND_SEX = ("age", "sex")
"""Columns that always define subgroups."""


def tables(evaluation: Evaluation) -> str:
    """Name the evaluated files."""
    return _sentences(f"{name}, SHA-256 {sha256}" for name, sha256 in evaluation.tables)


def missing(evaluation: Evaluation) -> str:
    """State how missing values in the table were handled."""
    left_out = [
        f"{scored.task.printed}, {scored.case_set.term}: {scored.left_out}"
        for task in evaluation.tasks.values()
        for scored in task.sets.values()
        if scored.left_out
    ]
    cases = _judged(evaluation)
    no_age, no_sex = sum(one.age_years is None for one in cases), sum(one.sex is None for one in cases)
    return (
        f"Cases without a probability were left out and counted ({'; '.join(left_out) or 'there was none'}). Without "
        f"age: {no_age}, without sex: {no_sex} of {len(cases)} evaluated cases; they are in no such subgroup. Nothing "
        "was imputed."
    )


def agreement(evaluation: Evaluation) -> str | None:
    """State the agreement of all raters together, in each set."""
    together = {one.case_set: one for one in reversed(evaluation.agreements)}
    found = [
        f"{one.case_set.term}: {len(one.raters)} raters agreed on {one.agreed} of {one.cases} cases, kappa "
        f"{one.kappa:.2f}"
        for one in reversed(together.values())
        if not math.isnan(one.kappa)
    ]
    return f"On the {len(tree().diagnoses)} diagnoses, {'; '.join(found)}." if found else None


def splits(evaluation: Evaluation) -> str:
    """State the size of each partition."""
    cases = {split: evaluation.predictions.of_split(split) for split in Split}
    parts = (f"{split.value} {len(own)} cases of {_patients(own)} patients" for split, own in cases.items())
    return f"In the table: {'; '.join(parts)}. Training cases are not evaluated."


def disjoint(evaluation: Evaluation) -> str | None:
    """State that no patient is in two partitions; None if the table names no patients."""
    if "patient" not in evaluation.predictions.columns:
        return None
    return "Patients: no patient is in two partitions, which was checked on the table."


def numbers(evaluation: Evaluation) -> str:
    """Count cases and positive cases of each set and task."""
    sets = (
        f"{case_set.term.capitalize()}: "
        + "; ".join(
            f"{one.scored.task.printed} {len(one.scored.cases)} cases, {int(one.scored.labels.sum())} positive"
            for one in by_task.values()
        )
        for case_set, by_task in evaluation.performances.items()
        if by_task
    )
    return _sentences(sets)


def software(_: Evaluation) -> str:
    """Name the software that computed the evaluation."""
    return f"The evaluation: {', '.join(f'{name} {version}' for name, version in software_versions().items())}."


def code(_: Evaluation) -> str:
    """Name the code that computed the evaluation, and its license."""
    return f"The evaluation: spinal-tf {software_versions()['spinal-tf']}, MIT license."


def metrics(evaluation: Evaluation) -> str:
    """List the measures and what each is for."""
    raters = " Agreement of raters: Cohen's and Fleiss' kappa." if evaluation.agreements else ""
    masks = " Masks: overlap, surface distances and volume, by masks.csv." if evaluation.masks else ""
    return (
        "Calls: accuracy, sensitivity, specificity, PPV and NPV. Discrimination: AUC. Calibration: Brier "
        f"score, reliability curve, expected calibration error. Clinical utility: net benefit.{raters}{masks}"
    )


def uncertainty(evaluation: Evaluation) -> str:
    """Describe intervals and tests."""
    resampling = evaluation.options.resampling
    return (
        f"95 % intervals: Wilson's of proportions, DeLong's of areas, percentiles of {resampling.resamples} bootstrap "
        f"samples of patients, stratified by class (seed {resampling.seed}). Paired tests: McNemar's and DeLong's; "
        "subgroups: chi-squared, Fisher's exact and DeLong's; corrected after Holm."
    )


def robustness(evaluation: Evaluation) -> str | None:
    """List the analyses besides that of the whole test set."""
    kinds = {contrast.kind for contrast in evaluation.contrasts}
    looked_at = [
        ("difficult cases", bool(evaluation.performances[CaseSet.DIFFICULT])),
        ("subgroups", bool(evaluation.subgroups)),
        ("scans with and without T1c", "modality" in kinds),
        ("another model", "model" in kinds),
    ]
    found = [words for words, there in looked_at if there]
    return f"Besides all test cases: {', '.join(found)}; see the sections of this report." if found else None


def validation(evaluation: Evaluation) -> str | None:
    """Report the performance in validation."""
    judged = evaluation.performances[CaseSet.VALIDATION].values()
    return _sentences(f"Validation, {measured(one, ('accuracy', 'auc'))}" for one in judged) or None


def performance(evaluation: Evaluation) -> str:
    """Report the performance in the test set, or in validation if there is no test set."""
    return " ".join([_main(evaluation, ("accuracy", "sensitivity", "specificity", "auc")), *_dice(evaluation)])


def diagnostic(evaluation: Evaluation) -> str:
    """Report sensitivity, specificity and predictive values."""
    return _main(evaluation, ("sensitivity", "specificity", "ppv", "npv"))


def by_subgroup(evaluation: Evaluation) -> str | None:
    """Name the files with the performance by subgroup."""
    columns = list(dict.fromkeys(group.column for group in evaluation.subgroups))
    if not columns:
        return None
    return f"By {', '.join(columns)}: subgroups.csv; differences with intervals and tests: subgroup_differences.csv."


def by_cluster(evaluation: Evaluation) -> str | None:
    """Name the file with the performance by columns that may be clusters, such as a scanner."""
    columns = [column for column in evaluation.options.subgroups if column not in AGE_AND_SEX]
    return f"Every number by {', '.join(columns)}: subgroups.csv." if columns else None


def failures(evaluation: Evaluation) -> str:
    """Count the wrong calls by type of error."""
    main = judged_set(evaluation)
    parts = (
        f"{one.scored.task.printed}: {one.confusion.fn} of the positive and {one.confusion.fp} of the negative "
        f"class, of {len(one.scored.cases)} {main.term} cases"
        for one in evaluation.performances[main].values()
    )
    return f"Called wrong: {'; '.join(parts)}."


def characteristics(evaluation: Evaluation) -> str:
    """Describe diagnoses, sex and age in each partition."""
    cases = {split: evaluation.predictions.of_split(split) for split in Split}
    return _sentences(f"{split.value.capitalize()}: {_described(own)}" for split, own in cases.items() if own)


def outcome(_: Evaluation) -> str:
    """Describe the predicted outcome."""
    positive = ", ".join(tree().term(task.classes[1]) for task in tree().tasks)
    return f"The diagnosis in the table's column; positive: {positive}. Diagnostic, so that there is no time horizon."


def output(evaluation: Evaluation) -> str:
    """Describe the output of the models and the operating points."""
    return f"A probability of the positive class. {_sentences(map(point, evaluation.tasks.values()))}"


def updating(evaluation: Evaluation) -> str | None:
    """Report temperature scaling and its effect."""
    parts = [
        f"{pair.scored.task.printed}, {pair.scored.case_set.term}: temperature {pair.temperature:.2f}, Brier "
        f"score {pair.before.brier:.3f} before and {pair.after.brier:.3f} after"
        for pair in evaluation.calibrations
        if pair.after
    ]
    scaled = f"Temperature scaling, fitted on validation, for comparison only: {'; '.join(parts)}."
    return f"{scaled} Calls are those of the probabilities as they were." if parts else None


def explained(evaluation: Evaluation) -> str | None:
    """Report where Grad-CAM maps are mainly active, over all cases of a task."""
    main = judged_set(evaluation)
    found = [
        f"{group.task.printed}, "
        + ", ".join(f"{zone.printed.lower()} {share.count}/{share.total}" for zone, share in group.zones.items())
        for group in evaluation.activations
        if group.case_set is main and group.diagnosis is None and group.right is None
    ]
    if not found:
        return None
    checks = [f"{one.task.printed} {one.spearman:.2f}" for one in evaluation.map_checks if one.by_case]
    checked = f" Rank correlation with maps of random weights: {', '.join(checks)}." if checks else ""
    return f"{main.term.capitalize()}, zones where Grad-CAM is mainly active: {'; '.join(found)}.{checked}"


def warnings(evaluation: Evaluation) -> str | None:
    """Repeat the warnings of the run."""
    return _sentences(evaluation.warnings) or None


ANSWERS: Mapping[str, Answer] = {
    answer.__name__: answer
    for answer in (
        tables,
        missing,
        agreement,
        splits,
        disjoint,
        numbers,
        software,
        code,
        metrics,
        uncertainty,
        robustness,
        validation,
        performance,
        diagnostic,
        by_subgroup,
        by_cluster,
        failures,
        characteristics,
        outcome,
        output,
        updating,
        explained,
        warnings,
    )
}
"""Answers by their names in the checklist files."""


def _main(evaluation: Evaluation, names: tuple[str, ...]) -> str:
    main = judged_set(evaluation)
    return _sentences(
        f"{main.term.capitalize()}, {measured(one, names)}" for one in evaluation.performances[main].values()
    )


def _dice(evaluation: Evaluation) -> Iterator[str]:
    """Report the Dice of the masks in the main set, if measured."""
    main = judged_set(evaluation)
    found = [
        f"{group.diagnosis.printed} {spread_cell(dice)}"
        for group in evaluation.masks
        if group.case_set is main and group.diagnosis and (dice := group.summary.spreads.get("dice")) and dice.defined
    ]
    if found:
        yield f"{main.term.capitalize()}, Dice of the masks, median and quartiles: {', '.join(found)}."


def _judged(evaluation: Evaluation) -> list[Prediction]:
    return [*evaluation.predictions.of_set(CaseSet.VALIDATION), *evaluation.predictions.of_set(CaseSet.TEST)]


def _patients(cases: tuple[Prediction, ...]) -> int:
    return len({case.patient for case in cases})


def _described(cases: tuple[Prediction, ...]) -> str:
    counts = Counter(case.diagnosis for case in cases)
    diagnoses = ", ".join(f"{one.printed} {counts[one]}" for one in tree().diagnoses if counts[one])
    known = [case.sex for case in cases if case.sex]
    female = Proportion(count=sum(sex is Sex.FEMALE for sex in known), total=len(known)) if known else "not known"
    age = mean_sd([case.age_years for case in cases if case.age_years is not None])
    years = f"{age} years (known of {age.total})" if age else "not known"
    return f"{diagnoses or 'no diagnosis'}; female {female}; age {years}"


def _sentences(parts: Iterable[str]) -> str:
    return " ".join(f"{part.removesuffix('.')}." for part in parts)
