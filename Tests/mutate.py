#!/usr/bin/env python3
"""Shows that no option of the optimizer can be ignored unnoticed.

For each option the sources are changed so that the option is read wrongly, mostly by its default instead of its value
("default" below stands for fresh options). The package is built, the tests are run, and what failed is printed as the
table of Docs/testing.md. Exits with 1 if a change went unnoticed.

    Tests/mutate.py                 every option: about a minute each
    Tests/mutate.py eps betas       some of them

Changes the working tree while it runs and puts it back, so Sources must be clean.
"""

import pathlib
import re
import signal
import subprocess
import sys
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEFAULT = "SOAPOptions(learningRate: 0)"


class Mutation(NamedTuple):
    option: str
    file: str
    old: str
    new: str
    tests: str = "SOAPTests"


def read_by_default(option, file, expression):
    return Mutation(option, file, expression, expression.replace("options.", DEFAULT + "."))


STEP, MOMENTS = "SOAP/Engine/SOAPParameter+Step.swift", "SOAP/Engine/Moments.swift"
REFRESH, LAYOUT = "SOAP/Engine/BasisRefresh.swift", "SOAP/Engine/StateLayout.swift"
OPTIONS, FREQUENCY = "SOAP/Options/SOAPOptions.swift", "SOAP/Options/PreconditionFrequency.swift"
VALIDATION, PARAMETER = "SOAP/Options/SOAPOptions+Validation.swift", "SOAP/Engine/SOAPParameter.swift"
TABLE, SETTINGS = "Training/Manifest/OptionTable.swift", "Training/Manifest/OptimizerSettings.swift"
STEPS = "Training/Runs/Run+Steps.swift"

# The tests that compare with recorded trajectories, as the table calls them.
SHORT = {
    "everyComparedUpdateAndTheFinalStateAreThoseRecorded": "golden",
    "inDoublePrecisionEveryUpdateIsNearlyExact": "golden in double",
}

MUTATIONS = [
    Mutation("lr", STEP, "var scale = -learningRate", "var scale = -0.003"),
    read_by_default("betas", MOMENTS, "options.beta1"),
    read_by_default("betas", MOMENTS, "options.beta2"),
    Mutation("shampoo_beta", OPTIONS, "beta2 : shampooBeta", f"beta2 : {DEFAULT}.shampooBeta"),
    Mutation("shampoo_beta", OPTIONS, "? beta2 : shampooBeta", f"? {DEFAULT}.shampooBeta : shampooBeta"),
    read_by_default("eps", MOMENTS, "options.epsilon"),
    read_by_default("eps", STEP, "epsilon: options.epsilon"),
    Mutation("weight_decay", OPTIONS, "1 - learningRate * weightDecay", f"1 - learningRate * {DEFAULT}.weightDecay"),
    Mutation("weight_decay", OPTIONS, "1 - weightDecay", f"1 - {DEFAULT}.weightDecay"),
    read_by_default("weight_decay", STEP, "Scalar(options.weightDecay)"),
    Mutation("weight_decay_method", OPTIONS, ".decoupled: 1 - learningRate * weightDecay", ".decoupled: 1 - weightDecay"),
    Mutation("weight_decay_method", OPTIONS, ".independent: 1 - weightDecay", ".independent: 1 - learningRate * weightDecay"),
    Mutation("weight_decay_method", OPTIONS, ".l2: 1", ".l2: 1 - learningRate * weightDecay"),
    read_by_default("weight_decay_method", STEP, "options.weightDecayMethod"),
    read_by_default("use_nesterov", MOMENTS, "options.useNesterov"),
    read_by_default("precondition_frequency", STEP, "options.preconditionFrequency"),
    Mutation("precondition_frequency", FREQUENCY, "stages.last { $0.fromStep <= step }?", "stages.first?"),
    Mutation("precondition_frequency", FREQUENCY, "max(1, function.body(step))", "max(1, function.body(0))"),
    read_by_default("adam_warmup_steps", STEP, "options.adamWarmupSteps"),
    read_by_default("precondition_1d", LAYOUT, "options.precondition1D"),
    read_by_default("correct_bias", MOMENTS, "options.correctBias"),
    Mutation("correct_bias", OPTIONS, "?? correctBias", f"?? {DEFAULT}.correctBias"),
    Mutation("correct_shampoo_beta_bias", OPTIONS, "guard correctShampooBetaBias", f"guard {DEFAULT}.correctShampooBetaBias"),
    Mutation("fp32_matmul_prec", STEP, "let precision = options.fp32MatmulPrecision", f"let precision = {DEFAULT}.fp32MatmulPrecision"),
    Mutation("fp32_matmul_prec", TABLE, "$0.fp32MatmulPrecision = $1", "_ = $0.fp32MatmulPrecision == $1", "TrainingTests"),
    read_by_default("qr_fp32_matmul_prec", REFRESH, "options.qrFP32MatmulPrecision"),
    Mutation("qr_fp32_matmul_prec", TABLE, "$0.qrFP32MatmulPrecision = $1", "_ = $0.qrFP32MatmulPrecision == $1", "TrainingTests"),
    read_by_default("use_eigh", REFRESH, "options.useEigh"),
    read_by_default("use_adaptive_criteria", REFRESH, "options.useAdaptiveCriteria"),
    read_by_default("adaptive_update_tolerance", REFRESH, "options.adaptiveUpdateTolerance"),
    read_by_default("power_iter_steps", REFRESH, "options.powerIterSteps"),
    read_by_default("max_update_rms", STEP, "options.maxUpdateRMS"),
    read_by_default("use_kl_shampoo", PARAMETER, "options.useKLShampoo"),
    Mutation("use_kl_shampoo", VALIDATION, "guard useKLShampoo", f"guard {DEFAULT}.useKLShampoo"),
    Mutation("use_kl_shampoo", VALIDATION, "if useKLShampoo", f"if {DEFAULT}.useKLShampoo"),
    Mutation("use_kl_shampoo", TABLE, "$0.useKLShampoo = $1", "_ = $0.useKLShampoo == $1", "TrainingTests"),
    read_by_default("max_precondition_dim", LAYOUT, "options.maxPreconditionDim"),
    read_by_default("stagger_refresh", STEP, "options.staggerRefresh"),
    Mutation("stagger_refresh", TABLE, "$0.staggerRefresh = $1", "_ = $0.staggerRefresh == $1", "TrainingTests"),
    Mutation("stagger_refresh", STEPS, "if manifest.settings.options.staggerRefresh", "if false", "TrainingTests"),
    Mutation("groups", SETTINGS, "try apply(entry, value)\n            if", "_ = value\n            if", "TrainingTests"),
    Mutation("groups", SETTINGS, "guard entry.isAllowedInGroups", "guard !entry.name.isEmpty", "TrainingTests"),
    Mutation("groups", SETTINGS, "setsLearningRate = false", "setsLearningRate = true", "TrainingTests"),
]


def run(*command):
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800)


def failed_tests(output):
    """The functions that failed, each with the arguments it failed for."""
    failures = {}
    for name in re.findall(r"Test (\w+)\(.*?\) .*failed after", output):
        failures[name] = []
    for name, arguments in re.findall(r"Test (\w+)\(.*?\) recorded an issue with \d+ arguments? (.*?) at \w+\.swift", output):
        values = ", ".join(re.findall(r'→ "?(.*?)"?(?:, \w+ →|$)', arguments))
        if values not in failures.setdefault(name, []):
            failures[name].append(values)
    return failures


def described(failures):
    parts = []
    for name, cases in failures.items():
        shown = ", ".join(sorted(cases)[:3]) + (f" and {len(cases) - 3} more" if len(cases) > 3 else "")
        parts.append(SHORT.get(name, f"`{name}`") + (f" ({shown})" if cases else ""))
    return "; ".join(sorted(parts))


def judge(mutation):
    """What fails under a mutation; nothing if it goes unnoticed."""
    path = ROOT / "Sources" / mutation.file
    original = path.read_text()
    if mutation.old not in original:
        raise SystemExit(f"{mutation.file} does not hold {mutation.old!r} any more")
    try:
        path.write_text(original.replace(mutation.old, mutation.new))
        built = run("swift", "build", "--build-tests")
        if built.returncode != 0:
            raise SystemExit(f"{mutation} does not compile:\n{built.stdout}")
        tested = run("swift", "test", "--skip-build", "--filter", mutation.tests)
        failures = failed_tests(tested.stdout)
        return failures or ({"(the process ends)": []} if tested.returncode else {})
    finally:
        path.write_text(original)


def main():
    if run("git", "diff", "--quiet", "HEAD", "--", "Sources").returncode != 0:
        raise SystemExit("Sources must be clean")
    # A test that fails anyway would count as noticing everything.
    for tests in sorted({mutation.tests for mutation in MUTATIONS}):
        if run("swift", "build", "--build-tests").returncode or run("swift", "test", "--skip-build", "--filter", tests).returncode:
            raise SystemExit(f"{tests} fails without any change")
    chosen = [mutation for mutation in MUTATIONS if not sys.argv[1:] or mutation.option in sys.argv[1:]]
    unnoticed = 0
    print("| option | where | change | what fails |\n|---|---|---|---|")
    for mutation in chosen:
        failures = judge(mutation)
        unnoticed += not failures
        old, new = (re.sub(r"\s+", " ", text).replace(DEFAULT, "default") for text in (mutation.old, mutation.new))
        file = pathlib.Path(mutation.file).name
        print(f"| `{mutation.option}` | `{file}` | `{old}` → `{new}` | {described(failures) or '**nothing**'} |", flush=True)
    raise SystemExit(1 if unnoticed else 0)


if __name__ == "__main__":
    # As Ctrl-C: what was changed is changed back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    main()
