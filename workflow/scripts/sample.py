"""Draw samples from finished runs of an experiment."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from contextlib import nullcontext

    from kanpipe.experiments import stage
    from kanpipe.machine import Machine
    from kanpipe.progress import Progress
    from kanpipe.runs import FinishedRun

    experiment = snakemake.params.experiment
    machine = Machine.prepare(snakemake.config["device"], snakemake.threads, gpus=snakemake.resources.gpu)
    # One run counts its own steps; the terminal shows one bar at a time.
    several = len(snakemake.output) > 1
    with (
        Progress(f"{experiment} sampling", len(snakemake.output), unit="run") if several else nullcontext() as progress
    ):
        for record, out in zip(snakemake.input.runs, snakemake.output, strict=True):
            run = FinishedRun.read(Path(record).parent)
            stage(experiment, "sample")(run, snakemake.params.spec, machine, Path(out))
            if progress:
                progress.advance()
