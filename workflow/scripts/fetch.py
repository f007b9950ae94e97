"""Download one published file, or take it from a mirror."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.data.fetch import configured_mirror, fetch
    from kanpipe.data.sources import source

    fetch(source(snakemake.wildcards.file), Path(snakemake.config["data_dir"]), configured_mirror(snakemake.config))
