"""How a spreadsheet of recipients is read: `child` and what it uses run in a process of their own, `columns` in ours.

The bounds here hold for every file that a tenant sends (contract section 10, "Audience").
"""

MOST_BYTES = 20 * 1024 * 1024
#: Rows with something in them, the names of the columns excepted.
MOST_ROWS = 100_000
MOST_COLUMNS = 60
#: Characters of a cell.
MOST_CHARACTERS = 2_000
#: Bad rows that are reported one by one; the others are only counted.
MOST_BAD_ROWS = 10_000
#: Characters of a bad row that are shown.
SHOWN = 60
