"""The pages of the portal: board, log, designer, switches, the frame around the app; and what browsers download."""
