"""Train one variant of an experiment with one seed."""

from pathlib import Path

from kanpipe.jobs import job, keep_freed_memory

with job(snakemake.log[0]):
    from kanpipe.config.kinds import trained
    from kanpipe.experiments import stage
    from kanpipe.frames import checked
    from kanpipe.gpus import asked
    from kanpipe.machine import Machine
    from kanpipe.runs import Run

    keep_freed_memory()
    params = snakemake.params
    run = Run(
        experiment=params.experiment,
        kind=params.kind,
        variant=snakemake.wildcards.variant,
        seed=int(snakemake.wildcards.seed),
        spec=trained(params.kind, params.spec | {"variant": params.variant}),
        code=params.code,
        folder=Path(snakemake.output[0]).parent,
        data=checked(Path(snakemake.input.data[0]), moved=True) if snakemake.input.data else None,
        resumes_elsewhere=snakemake.config.get("resume_elsewhere", False),
    )
    machine = Machine.prepare(
        snakemake.config["device"], snakemake.threads, gpus=asked(snakemake.resources), flush_denormals=True
    )
    stage(run.kind, "train")(run, machine, snakemake.config["checkpoint_seconds"])
