use rule * from STAGES as PREFIX*


use rule publish from STAGES as PREFIX* with:
    resources:
        mem_mb=2000,
        runtime=30,
