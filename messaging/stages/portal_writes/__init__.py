"""What is written to portals besides answers to workflows: one stage, and a writer for each kind of task."""
