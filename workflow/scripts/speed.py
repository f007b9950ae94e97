"""Time what the models of an experiment do, on one thread or the GPU, and write the table."""

from pathlib import Path

from kanpipe.jobs import job, keep_freed_memory

with job(snakemake.log[0]):
    from kanpipe.config.kinds import parsed
    from kanpipe.experiments import stage
    from kanpipe.experiments.protocol import Inputs
    from kanpipe.frames import write_frame
    from kanpipe.gpus import asked
    from kanpipe.machine import Machine
    from kanpipe.runs import FinishedRun

    params = snakemake.params
    keep_freed_memory()  # this and the denormals as in trainings
    gpus = asked(snakemake.resources)
    machine = Machine.prepare(snakemake.config["device"], threads=1, gpus=gpus, flush_denormals=True)
    runs = [FinishedRun.read(Path(record).parent) for record in snakemake.input.runs]
    speed = stage(params.kind, "speed")
    frame = speed(runs, parsed(params.kind, params.spec), Inputs.named(snakemake.input), machine)
    write_frame(Path(snakemake.output[0]), frame.assign(experiment=params.experiment))
