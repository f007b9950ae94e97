"""Score all runs of an experiment: one table for each output."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.experiments import stage
    from kanpipe.files import write_table
    from kanpipe.machine import Machine
    from kanpipe.runs import FinishedRun

    machine = Machine.prepare(snakemake.config["device"], snakemake.threads, gpus=snakemake.resources.gpu)
    runs = [FinishedRun.read(Path(record).parent) for record in snakemake.input.get("runs", [])]
    tables = stage(snakemake.params.experiment, "evaluate")(runs, snakemake.params.spec, machine)
    for name, path in snakemake.output.items():
        write_table(Path(path), tables[name])
