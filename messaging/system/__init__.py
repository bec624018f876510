"""What every process needs below everything else: settings, clock, logs, counters, child processes, the way out."""
