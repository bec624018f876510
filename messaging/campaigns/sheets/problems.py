"""Why a file or a row cannot be read, in words for the person who uploaded it: what happened and what to do."""

from bx24.i18n import Text

#: Code → why a file was not read, or not to its end. {name}: of the file; other values are named in `Unreadable`.
FILES: dict[str, Text] = {
    "gone": Text(
        "The file “{name}” is no longer on the server. Upload it again.",
        "Файла «{name}» на сервере уже нет. Загрузите его ещё раз.",
    ),
    "empty": Text(
        "There are no rows in the file “{name}”. Check that the clients are on its first sheet, and save it again.",
        "В файле «{name}» нет ни одной строки. Проверьте, что клиенты записаны на первом листе, и сохраните файл ещё раз.",
    ),
    "empty_sheet": Text(
        "The sheet “{sheet}” of the file “{name}” is empty. Choose another sheet: {others}.",
        "Лист «{sheet}» в файле «{name}» пустой. Выберите другой лист: {others}.",
    ),
    "only_header": Text(
        "The file “{name}” has the names of its columns, but no clients below them. Add rows and upload it again.",
        "В файле «{name}» есть только названия столбцов, а клиентов под ними нет. Добавьте строки и загрузите файл ещё раз.",
    ),
    "too_large": Text(
        "The file “{name}” is larger than 20 MB. Leave only the columns you need, or split the file into parts.",
        "Файл «{name}» больше 20 МБ. Оставьте только нужные столбцы или разделите файл на части.",
    ),
    "too_many_rows": Text(
        "The file “{name}” has more than 100,000 rows. Split it into parts and make a campaign of each.",
        "В файле «{name}» больше 100 000 строк. Разделите его на части и сделайте рассылку по каждой.",
    ),
    "too_many_columns": Text(
        "Row {line} of the file “{name}” has more than 60 columns. Leave only the columns you need and upload it again.",
        "В строке {line} файла «{name}» больше 60 столбцов. Оставьте только нужные столбцы и загрузите файл ещё раз.",
    ),
    "old_excel": Text(
        "“{name}” is a file of an old Excel (.xls). Open it, choose “Save as” and the type “Excel Workbook (.xlsx)” or “CSV”.",
        "«{name}» – файл старого Excel (.xls). Откройте его, выберите «Сохранить как» и тип «Книга Excel (.xlsx)» или CSV.",
    ),
    "binary_excel": Text(
        "“{name}” is a binary workbook (.xlsb). Open it, choose “Save as” and the type “Excel Workbook (.xlsx)” or “CSV”.",
        "«{name}» – двоичная книга Excel (.xlsb). Откройте её, выберите «Сохранить как» и тип «Книга Excel (.xlsx)» или CSV.",
    ),
    "open_document": Text(
        "“{name}” is an OpenDocument file (.ods). Open it, choose “Save as” and the type “Excel (.xlsx)” or “CSV”.",
        "«{name}» – файл OpenDocument (.ods). Откройте его, выберите «Сохранить как» и тип «Excel (.xlsx)» или CSV.",
    ),
    "numbers": Text(
        "“{name}” is a file of Apple Numbers. Open it, choose “Export to” and “Excel” or “CSV”.",
        "«{name}» – файл Apple Numbers. Откройте его и выберите «Экспортировать в» – «Excel» или «CSV».",
    ),
    "archive": Text(
        "“{name}” is an archive, not a table. Unpack it and upload the table itself (.xlsx or .csv).",
        "«{name}» – архив, а не таблица. Распакуйте его и загрузите саму таблицу (.xlsx или .csv).",
    ),
    "encrypted": Text(
        "The file “{name}” is protected by a password. Take the password off (File, Info, Protect Workbook) and save it again.",
        "Файл «{name}» защищён паролем. Снимите пароль (Файл – Сведения – Защита книги) и сохраните файл ещё раз.",
    ),
    "web_page": Text(
        "“{name}” is a web page inside, not a table, whatever its name says. Open it in Excel, choose “Save as” and the type "
        "“Excel Workbook (.xlsx)”.",
        "«{name}» внутри – веб-страница, а не таблица, хотя и называется иначе. Откройте файл в Excel, выберите "
        "«Сохранить как» и тип «Книга Excel (.xlsx)».",
    ),
    "not_a_table": Text(
        "“{name}” is not a table. Open it where it was made and save it as “Excel Workbook (.xlsx)” or “CSV UTF-8”.",
        "«{name}» – не таблица. Откройте файл там, где его сделали, и сохраните как «Книга Excel (.xlsx)» или «CSV UTF-8».",
    ),
    "encoding": Text(
        "The letters in the file “{name}” cannot be read: its encoding is neither UTF-8 nor Windows-1251. In Excel, save it as "
        "“Excel Workbook (.xlsx)” or “CSV UTF-8”.",
        "Не удалось прочитать буквы в файле «{name}»: кодировка не UTF-8 и не Windows-1251. Сохраните файл в Excel как "
        "«Книга Excel (.xlsx)» или «CSV UTF-8».",
    ),
    "no_sheet": Text(
        "There is no visible sheet “{sheet}” in the file “{name}”. Choose another sheet, or unhide this one and save again.",
        "В файле «{name}» нет видимого листа «{sheet}». Выберите другой лист или покажите скрытый и сохраните файл ещё раз.",
    ),
    "broken": Text(
        "The file “{name}” is damaged, or was not uploaded to its end. Open it in Excel, save it as “Excel Workbook (.xlsx)” "
        "and upload it again.",
        "Файл «{name}» повреждён или загрузился не до конца. Откройте его в Excel, сохраните как «Книга Excel (.xlsx)» и "
        "загрузите ещё раз.",
    ),
    "too_heavy": Text(
        "The file “{name}” takes up too much memory once it is unpacked. Copy the table alone, without pictures and "
        "formatting, into a new workbook, or save it as CSV.",
        "Файл «{name}» после распаковки занимает слишком много памяти. Скопируйте одну таблицу, без картинок и оформления, "
        "в новую книгу или сохраните её как CSV.",
    ),
    "too_slow": Text(
        "The file “{name}” takes too long to read. Save it as CSV, or split it into parts.",
        "Файл «{name}» читается слишком долго. Сохраните его как CSV или разделите на части.",
    ),
}
#: Code → why a row was left out. {column}: where it went wrong, as the header calls it.
ROWS: dict[str, Text] = {
    "cell_too_long": Text(
        "The text in the column “{column}” is longer than 2,000 characters. Shorten it.",
        "Текст в столбце «{column}» длиннее 2000 символов. Сократите его.",
    ),
    "row_too_long": Text(
        "The row is far too long. Shorten its texts.", "Строка слишком длинная. Сократите тексты в ней."
    ),
    "too_many_columns": Text(
        "The row has values beyond the 60th column. Delete them, or move them further left.",
        "В строке есть значения правее 60-го столбца. Удалите их или перенесите левее.",
    ),
    "extra_cells": Text(
        "The row has more cells than there are columns. Put a text that contains the separator into quotation marks.",
        "В строке больше ячеек, чем столбцов. Возьмите в кавычки текст, в котором есть разделитель.",
    ),
    "open_quote": Text(
        "A quotation mark is opened in this row and never closed. Close it, or delete it.",
        "В строке открыта кавычка и нигде не закрыта. Закройте её или удалите.",
    ),
    "above_header": Text(
        "The row stands above the names of the columns and was not read. If it holds a client, move it below them.",
        "Строка стоит над названиями столбцов, её не читали. Если в ней клиент, перенесите её ниже.",
    ),
}
#: Code → what the person should know although every row was read. {count} cells, the first of them in row {line}.
NOTES: dict[str, Text] = {
    "formula": Text(
        "Formulas without a stored value were taken as empty ({count} in the first rows, the first in row {line}). Open the "
        "file in Excel, save it and upload it again.",
        "Формулы без сохранённого значения прочитаны как пустые ячейки (в первых строках: {count}, первая в строке {line}). "
        "Откройте файл в Excel, сохраните и загрузите ещё раз.",
    ),
    "error": Text(
        "Cells with an error such as #N/A were taken as empty ({count}, the first in row {line}).",
        "Ячейки с ошибкой вроде #Н/Д прочитаны как пустые (таких ячеек: {count}, первая в строке {line}).",
    ),
}


class Unreadable(Exception):
    """A file that is not read, or not any further. code: of FILES.

    facts: `line` for too_many_columns, `sheet` for no_sheet, `sheet` and `others` for empty_sheet.
    """

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts
