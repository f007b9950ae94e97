"""Draw samples from finished runs of an experiment."""

from pathlib import Path

from kanpipe.jobs import job, keep_freed_memory

with job(snakemake.log[0]):
    from contextlib import nullcontext

    from kanpipe.config.kinds import parsed
    from kanpipe.experiments import outputs, stage
    from kanpipe.experiments.protocol import Inputs
    from kanpipe.gpus import asked
    from kanpipe.machine import Machine
    from kanpipe.progress import Progress
    from kanpipe.runs import FinishedRun
    from kanpipe.sampled import claim

    params, records = snakemake.params, snakemake.input.runs
    machine = Machine.prepare(snakemake.config["device"], snakemake.threads, gpus=asked(snakemake.resources))
    inputs, spec = Inputs.named(snakemake.input), parsed(params.kind, params.spec)
    # One run counts its own steps; the terminal shows one bar at a time.
    several = len(records) > 1
    if not several:
        keep_freed_memory()
    with Progress(f"{params.experiment} sampling", len(records), unit="run") if several else nullcontext() as progress:
        for folder in (Path(record).parent for record in records):
            run = FinishedRun.read(folder)
            stage(params.kind, "sample")(run, spec, inputs, machine, folder / "samples.npz")
            claim(run, outputs(params.kind).sampled)
            if progress:
                progress.advance()
