use rule * from STAGES as PREFIX*
