"""Score all runs of an experiment: one table for each output."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.config.kinds import parsed
    from kanpipe.experiments import stage
    from kanpipe.experiments.protocol import Inputs, check_rows
    from kanpipe.frames import write_frame
    from kanpipe.gpus import asked
    from kanpipe.machine import Machine
    from kanpipe.sampled import read_runs

    params = snakemake.params
    machine = Machine.prepare(snakemake.config["device"], snakemake.threads, gpus=asked(snakemake.resources))
    runs = read_runs(snakemake.input.runs, snakemake.input.samples)
    inputs = Inputs.named(snakemake.input, features=Path(snakemake.config["data_dir"]) / "features")
    frames = stage(params.kind, "evaluate")(runs, parsed(params.kind, params.spec), inputs, machine)
    check_rows(params.kind, frames["runs"], trained=bool(runs))
    for name, path in snakemake.output.items():
        write_frame(Path(path), frames[name])
