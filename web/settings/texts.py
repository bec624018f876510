"""The texts of the settings page's scripts in the viewer's language; the scripts fill in `{n}` and the like."""

from collections.abc import Callable

from flask_babel import gettext as _
from flask_babel import ngettext

#: CLDR's plural category → a number that belongs to it.
_FORMS = {"one": 1, "few": 2, "many": 5, "other": 2}
Words = str | dict[str, str]


def words() -> dict[str, Words]:
    """Key → text, or key → plural category → text."""
    made: dict[str, Words] = dict(_texts())
    for key, form in _plurals().items():
        forms = {name: form(n) for name, n in _FORMS.items()}
        if "." in key:
            made[key] = forms
        else:  # the script of the fields has a key for each category
            made |= {f"{key}{name.capitalize()}": forms[name] for name in ("one", "few", "many")}
    return made


def _texts() -> dict[str, str]:
    return {
        "insertField": _("Insert a field into {label}"),
        "editAsText": _("Edit as text"),
        "counter": _("{used} / {limit}"),
        "countedByName": _("Fields are counted by their names; real values may be longer."),
        "chipLabel": _("field {name}"),
        "chipRemove": _("Remove the field {name}"),
        "modifierPrintable": _("as text"),
        "unknownField": _("This object has no field {id}"),
        "unknownValue": _("There is no {id} in this process"),
        "displayForm": _("{form} is only how Bitrix24 shows a field. The client would get exactly these characters."),
        "replaceByField": _("Replace by the field"),
        "fields": _("Fields"),
        "search": _("Search fields"),
        "searchExample": _("Name, group or code"),
        "technicalFields": _("Show technical fields"),
        "nothingFound": _("Nothing found. Try other words."),
        "noFields": _("Bitrix24 sent no fields for this robot."),
        "severalValues": _("several values, joined by commas"),
        "groupPhones": _("Phones"),
        "groupFiles": _("Files"),
        "shapeMoney": _("$12,480"),
        "shapeDate": _("11/23/2026"),
        "shapeDatetime": _("11/23/2026 2:05 pm"),
        "shapeUser": _("John Smith"),
        "shapeYesNo": _("Yes or no"),
        "shapePhone": _("+44 20 7946 0958"),
        "shapeFile": _("File"),
        "phone.label": _("As the client sees it"),
        "phone.business": _("business"),
        "phone.more": _("Read more"),
        "phone.marketing_fold": _("WhatsApp may fold advertising after about five lines"),
        "phone.image": _("Photo"),
        "phone.video": _("Video"),
        "phone.audio": _("Voice message"),
        "phone.document": _("Document"),
        "phone.location": _("Location"),
        "phone.write": _("Message"),
        "phone.save_contact": _("Save contact"),
        "phone.see_all": _("See all options"),
        "phone.send": _("Send"),
        "phone.list_open": _("Show the list open"),
        "phone.all_open": _("Show all options"),
        "phone.length": _("{length} / {limit}"),
        "phone.length_with_samples": _("{length} / {limit} with samples"),
        "phone.paid": _("charged: {category}"),
        "templates.search": _("Search by name or words of the text"),
        "templates.language": _("Language"),
        "templates.all_languages": _("All languages"),
        "templates.category": _("Category"),
        "templates.all_categories": _("All categories"),
        "templates.refresh": _("Refresh templates"),
        "templates.asking": _("Asking Gupshup for templates…"),
        "templates.no_answer": _("Gupshup does not answer. Try again"),
        "templates.none": _("No approved templates on this line"),
        "templates.no_match": _("Nothing found. Change the words or the filters"),
        "templates.change": _("Change"),
        "templates.by_field": _("The name comes from a field when the robot runs"),
        "templates.gone": _("Not on this line any more"),
        "templates.several": _("Exists in {languages}. Choose one language"),
        "buttons.title": _("Title of button {n}"),
        "buttons.example": _("For example, Yes"),
        "buttons.add": _("Add a button"),
        "buttons.count": _("{n} of {max}"),
        "buttons.none": _("Add at least one button"),
        "buttons.untitled": _("Give the button a title"),
        "buttons.equal": _("Two buttons have the same title"),
        "buttons.too_many": _("{max} buttons are allowed. Remove this one"),
        "list.row": _("Row {n}"),
        "list.title": _("Title of the row"),
        "list.title_example": _("For example, Check-up"),
        "list.description": _("Description of the row"),
        "list.description_example": _("For example, 30 minutes"),
        "list.section": _("Section {n}"),
        "list.section_title": _("Title of the section"),
        "list.section_example": _("For example, Doctors"),
        "list.add": _("Add a row"),
        "list.add_section": _("Add a section"),
        "list.remove_section": _("Remove the section"),
        "list.none": _("Add at least one row"),
        "list.untitled": _("Give the row a title"),
        "list.untitled_section": _("Name the section: there are several"),
        "list.empty_section": _("Add a row to the section or remove it"),
        "list.hash": _("A title cannot begin with #"),
        "list.equal": _("Two rows of the section are the same"),
        "list.too_many": _("{max} rows are allowed. Remove this one"),
        "rows.up": _("{name}: move up"),
        "rows.down": _("{name}: move down"),
        "rows.remove": _("{name}: remove"),
        "rows.more": _("{name}: id of the answer"),
        "rows.id": _("Id"),
        "rows.comes_back": _("The answer comes back as the id: {id}"),
        "rows.moved": _("{name} is now {position} of {count}"),
        "rows.ordinals": _("first second third fourth fifth sixth seventh eighth ninth tenth"),
        "rows.counts": _("one two three four five six seven eight nine ten"),
        "rows.bar": _("Remove “|”: it separates the id"),
        "rows.equal_ids": _("Another one has the id {id}"),
        "page.ready": _("Ready to save"),
        "page.preview": _("Preview"),
        "page.save": _("Applied when you press Save in Bitrix24. Leave the time limit below empty."),
        "page.ended": _(
            "Your session has ended. Open the robot's settings again; what you typed is still on this page."
        ),
        "page.offline": _("The settings were not checked: waba24 does not answer."),
        "page.too_large": _("The settings were not checked: they are too long. Shorten the texts."),
        "page.try_again": _("Try again"),
        "line.auto": _("Automatic"),
        "line.auto_hint": _(
            "The line of the last conversation with the client; without a conversation, the default line"
        ),
        "line.default": _("default"),
        "line.gone": _("disconnected"),
        "line.none": _("No line is connected yet. Open the waba24 app → Lines and connect your WhatsApp number."),
        "to.label": _("Phone"),
        "to.client": _("The client's phone: we will find it in the item"),
        "template.variables": _("Variables"),
        "template.header_variable": _("Header"),
        "template.card": _("Card {n}"),
        "template.variable": _("{{{name}}} “{sample}”"),
        "template.variable_only": "{{{name}}}",
        "template.empty": _("If a value is empty"),
        "template.empty_fail": _("do not send"),
        "template.empty_put": _("use this text instead"),
        "template.empty_text": _("What to put in place of an empty value"),
        "template.header_file": _("Header file"),
        "template.header_hint": _("A link, the id of a file on Drive, or a field of the card"),
        "template.header_point": _("Point on the map"),
        "template.header_point_hint": _("Latitude and longitude, or an address field; then |place|address"),
        "template.header_cards": _("Files of the cards"),
        "template.header_cards_hint": _(
            "A link, the id of a file on Drive, or a field for each card, with | between them"
        ),
        "template.button": _("Button “{title}”"),
        "template.code": _("Code to copy"),
        "template.open_list": _("Open the templates"),
        "template.similar": _("Choose a similar one"),
        "template.no_similar": _("No similar template on this line"),
        "template.loading": _("Asking for the line's templates…"),
        "template.by_hand": _("Template id or name"),
        "template.by_hand_hint": _("As the Gupshup console shows it"),
        "text.placeholder": _("Enter the text"),
        "text.macro": _(
            "This is an OLChat macro: the template that it names will be sent. "
            "The robot “WhatsApp: template to the client” has a field for each of its parts."
        ),
        "text.window": _("Ordinary messages arrive only within 24 hours of the client's last message"),
        "file.source": _("Where the file is"),
        "file.link": _("link"),
        "file.disk": _("file on Drive"),
        "file.field": _("field of the card"),
        "file.link_example": _("https://example.com/price.pdf"),
        "file.disk_example": _("4512"),
        "file.field_example": _("Choose a field with ⊕"),
        "file.disk_hint": _("The file's id on Drive. Or choose “link” and paste the public link to the file"),
        "file.sizes": _(
            "Size and type are checked on sending: an image up to 5 MB, video and audio up to 16, a document up to 100"
        ),
        "contact.whose": _("Whose contact"),
        "contact.client": _("the client of the item"),
        "contact.crm": _("a CRM contact"),
        "contact.typed": _("entered by hand"),
        "contact.crm_hint": _("The contact's id in CRM, for example 12"),
        "contact.pick": _("Choose a contact"),
        "contact.no_phone": _("A contact without a phone cannot be sent"),
        "location.both": _("A pair such as “55.75, 37.61” fills both fields"),
        "accept.any": _("Any answer counts"),
        "accept.add": _("Add an answer"),
        "accept.example": _("For example, Yes. Enter adds it"),
        "accept.remove": _("Remove the answer {name}"),
        "accept.timeout": _("If nobody replies in time, the result is “timeout”"),
        "entries.add": _("Add a value"),
        "entries.remove": _("Remove the value {name}"),
        "select.none": _("not chosen"),
        "bool.yes": _("yes"),
        "bool.no": _("no"),
        "window.returns": _("Returns: window open (Y/N), until when, how many minutes are left. Sends nothing."),
        "closed.phone": _("The template as the client sees it"),
        "closed.unfit": _("Begins with a file or wants values for its buttons: it cannot go instead of a message"),
        "chats.closes": _(
            "Finishes the client's open WhatsApp dialogs of this item in Open Channels, and returns how many there were. "
            "If the open line has a closing text, Bitrix24 shows it in the chat; it is not sent to WhatsApp."
        ),
        "ending.until": _("When to continue"),
        "until.accepted": _("as soon as Gupshup has accepted it"),
        "until.sent": _("WhatsApp has taken it"),
        "until.delivered": _("it is on the client's phone"),
        "until.read": _("the client may have switched read receipts off"),
        "until.replied": _("the answer and the button come back to the workflow"),
        "ending.wait": _("Wait at most"),
        "ending.unit": _("Unit"),
        "ending.minutes": _("min"),
        "ending.hours": _("h"),
        "ending.days": _("days"),
        "ending.moment": _("until {moment}, if it runs now"),
        "header.image": _("image"),
        "header.video": _("video"),
        "header.document": _("document"),
        "header.gif": _("GIF"),
    }


def _plurals() -> dict[str, Callable[[int], str]]:
    return {
        "charactersLeft": lambda n: ngettext("{n} character left", "{n} characters left", n),
        "charactersOver": lambda n: ngettext("{n} character too many", "{n} characters too many", n),
        "fieldsFound": lambda n: ngettext("{n} field", "{n} fields", n),
        "phone.variables": lambda n: ngettext("{n} variable", "{n} variables", n),
        "templates.found": lambda n: ngettext("{n} template", "{n} templates", n),
        "templates.variables": lambda n: ngettext("{n} variable", "{n} variables", n),
        "templates.buttons": lambda n: ngettext("{n} button", "{n} buttons", n),
        "list.count": lambda n: ngettext("{n} of {max} rows", "{n} of {max} rows", n),
        "rows.left": lambda n: ngettext("{n} character left", "{n} characters left", n),
        "rows.over": lambda n: ngettext("{n} character too many", "{n} characters too many", n),
        "rows.too_long": lambda n: ngettext(
            "{n} character too many: {limit} are allowed", "{n} characters too many: {limit} are allowed", n
        ),
        "template.carried": lambda n: ngettext(
            "{kept} of {n} value carried over", "{kept} of {n} values carried over", n
        ),
        "template.deleted": lambda n: ngettext(
            "Gupshup no longer has this template. Its name and {n} value are kept.",
            "Gupshup no longer has this template. Its name and {n} values are kept.",
            n,
        ),
    }
