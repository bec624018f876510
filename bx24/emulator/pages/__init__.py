"""The pages people look at: deals, log, designer, settings, and the frames around the pages of the app."""
