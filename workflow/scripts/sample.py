"""Draw samples from finished runs of an experiment."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.experiments import stage
    from kanpipe.machine import Machine
    from kanpipe.progress import Progress
    from kanpipe.runs import FinishedRun

    experiment = snakemake.params.experiment
    machine = Machine.prepare(snakemake.config["device"], snakemake.threads, gpus=snakemake.resources.gpu)
    with Progress(f"{experiment} sampling", len(snakemake.output), unit="run") as progress:
        for record, out in zip(snakemake.input.runs, snakemake.output, strict=True):
            stage(experiment, "sample")(
                FinishedRun.read(Path(record).parent), snakemake.params.spec, machine, Path(out)
            )
            progress.advance()
