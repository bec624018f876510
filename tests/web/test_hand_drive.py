"""Files from Drive, sent by hand: what is shown to whom, what is fetched with whose rights, and what is refused at once."""

from __future__ import annotations

import io
import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from bx24.emulator.state import files
from bx24.emulator.state.drive import Entry
from messaging.policy import settings
from messaging.policy.rights import Grant, Right, Who
from messaging.store.models import Portal
from tests.flows.scenes import ONE_DATABASE, open_windows
from tests.flows.test_templates import CATALOGUE
from tests.support.samples import png
from tests.support.world import PORTAL, World
from tests.web.inside import ADMINISTRATOR, EMPLOYEE, Frame, seen
from tests.web.test_hand_page import hidden, manual, opened, who
from web.pages.hand import uploads

pytestmark = ONE_DATABASE


class Picker:
    """The window in which a file is chosen, as the page's script asks for it."""

    def __init__(self, world: World, user_id: int = ADMINISTRATOR, lang: str = "ru") -> None:
        self.frame = Frame(world, user_id, lang)
        with world.bx.lock:
            self.token = str(world.bx.tokens.issue(world.portal, user_id).access_token)

    def listed(self, *above: tuple[int, str], target: str = "drive-list", **fields: Any) -> str:
        form = {"access_token": self.token, "above": json.dumps(above), **fields}
        return str(self.frame.post("/app/hand/drive", form, target).text)

    def choose(self, number: int, **fields: Any) -> str:
        form = {"access_token": self.token, "file": str(number), "place": "drive", "media": "auto", **fields}
        return str(self.frame.post("/app/hand/drive/file", form, "chosen-drive").text)


COMMON = (1, "Общий диск")


def test_everybody_sees_the_storages_and_folders_that_are_open_to_him(shop: World) -> None:
    anna, peter = Picker(shop), Picker(shop, EMPLOYEE)
    shown = seen(anna.listed())
    assert re.search("Общий диск.*Анна Соколова.*Дизайн кухонь", shown), "the common one, her own, then those of groups"
    assert "Пётр Иванов" not in shown
    assert "Анна Соколова" not in seen(peter.listed())
    assert "Только для директора" in anna.listed(COMMON)
    inside = peter.listed(COMMON)
    assert "Только для директора" not in inside
    assert re.search("Договоры.*shkaf.png.*Прайс-лист.pdf", seen(inside)), "folders come first"
    deeper = seen(peter.listed(COMMON, (610, "Договоры"), (612, "2026")))
    assert "Договор 512.pdf" in deeper
    assert re.search("Диск.*Общий диск.*Договоры.*2026", deeper), "the way back"


def test_a_file_of_drive_is_sent_once_with_its_name(shop: World) -> None:
    open_windows(shop)
    picker, page = Picker(shop, EMPLOYEE), opened(shop, user_id=EMPLOYEE)
    chosen = picker.choose(601, name="Прайс-лист.pdf")
    assert "Прайс-лист.pdf" in seen(chosen)
    form = who(page, text="Наши цены", nonce="one", drive=hidden(chosen, "drive"))
    for _ in range(3):
        assert "Сообщение отправляется" in seen(picker.frame.change("hand/write", **form))
    shop.advance_clock(5)
    [sent] = manual(shop)
    assert (sent.kind, sent.action, sent.status, sent.author_id) == ("file", "send_file", "delivered", EMPLOYEE)
    message = shop.sent[-1].message
    assert (message["filename"], message["caption"]) == ("Прайс-лист.pdf", "Наши цены")
    assert picker.token not in json.dumps(message), "WhatsApp gets a link of ours, none of the portal's"
    assert len(shop.sent) == 1


def test_nobody_chooses_a_file_that_is_closed_to_him(shop: World) -> None:
    for number in (604, 605, 999_999, 610):
        answer = Picker(shop, EMPLOYEE).choose(number, name="Зарплаты.pdf")
        assert "Битрикс24 не показывает вам" in seen(answer), number
        assert 'name="drive"' not in answer
    assert 'name="drive"' in Picker(shop).choose(604, name="Зарплаты.pdf")
    assert "не показывает вам" in seen(Picker(shop, EMPLOYEE).listed(COMMON, (999, "Нет такой")))
    assert "вы не видите" in seen(Picker(shop, EMPLOYEE).listed(COMMON, (611, "Только для директора")))


def test_a_chosen_file_is_its_person_s_for_a_day(shop: World) -> None:
    open_windows(shop)
    chosen = hidden(Picker(shop).choose(605), "drive")
    stolen = who(opened(shop, user_id=EMPLOYEE), text="Смотрите", nonce="n", drive=chosen)
    assert "выбран слишком давно" in seen(Frame(shop, EMPLOYEE).change("hand/write", **stolen))
    forged = who(opened(shop), text="Смотрите", nonce="n", drive="gAAAA")
    answer = Frame(shop).change("hand/write", **forged)
    assert 'id="e-drive"' in answer
    assert ">Смотрите</textarea>" in answer, "the text does not leave without its file"
    assert manual(shop) == []


def test_one_file_is_chosen_and_what_was_chosen_stays(shop: World) -> None:
    open_windows(shop)
    page, chosen = opened(shop), hidden(Picker(shop).choose(602), "drive")
    both = {**who(page, text="", nonce="n", drive=chosen), "file": (io.BytesIO(png()), "plan.png")}
    answer = Frame(shop).post("/app/hand/write", both).text
    assert "Выберите что-то одно" in seen(answer)
    assert "shkaf.png" in seen(answer)
    again = Frame(shop).change("hand/client", **who(page, text="", drive=chosen))
    assert "shkaf.png" in seen(again)
    assert manual(shop) == []


def test_a_template_s_header_comes_from_drive_and_must_fit(world: World) -> None:
    shop = world
    shop.install_app()
    shop.connect_line(templates=CATALOGUE)
    page = opened(shop)
    [choice] = re.findall(r'<option value="([^"]+)">photo', page.text)
    form = Frame(shop).change("hand/template", **who(page, template=choice))
    assert "Файл с Диска" in seen(form)
    picker = Picker(shop)
    wrong = picker.choose(601, name="Прайс-лист.pdf", place="header_drive", media="image")
    assert "application/pdf" in seen(wrong)
    assert 'name="header_drive"' not in wrong
    chosen = hidden(picker.choose(602, place="header_drive", media="image"), "header_drive")
    filled = {**who(page, template=choice, nonce="n", header_drive=chosen), "param": []}
    assert "передан на отправку" in seen(Frame(shop).post("/app/hand/send", filled))
    document = hidden(picker.choose(601, place="header_drive", media="document"), "header_drive")
    other = {**filled, "header_drive": document, "nonce": "m"}
    assert "выбрали для другого сообщения" in seen(Frame(shop).post("/app/hand/send", other))
    assert len(manual(shop)) == 1


def test_what_whatsapp_would_not_take_is_said_in_the_list(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    large = files.StoredFile(603, "film.mp4", "video/mp4", b"x" * (6 * 1024 * 1024))
    monkeypatch.setitem(files.FILES, 603, large)
    monkeypatch.setitem(files.FILES, 604, files.StoredFile(604, "empty.txt", "text/plain", b""))
    shop.portal.drive.add(Entry(901, "large.png", 4, 4, 603), Entry(902, "пусто.txt", 4, 4, 604))
    shown = Picker(shop).listed((4, "Дизайн кухонь"), media="image", place="header_drive")
    assert "6 МБ, WhatsApp принимает не больше 5 МБ" in seen(shown)
    assert "файл пуст" in seen(shown)
    assert "hand/drive/file" not in shown


def test_a_long_folder_is_read_page_by_page_and_searched_by_name(shop: World) -> None:
    shop.portal.drive.add(*(Entry(1000 + n, f"Фото {n:03}.png", 4, 4, 602) for n in range(120)))
    picker, folder = Picker(shop), (4, "Дизайн кухонь")
    first = picker.listed(folder)
    assert first.count("<li>") == 50
    assert "Показать ещё" in first
    following = picker.listed(folder, target="drive-more", start="50")
    assert "Фото 050.png" in following
    assert "<nav" not in following
    assert "Показать ещё" not in picker.listed(folder, target="drive-more", start="100")
    assert picker.listed(folder, target="drive-rows", find="фото 07").count("<li>") == 10
    assert "ничего так не называется" in seen(picker.listed(folder, target="drive-rows", find="нет"))


@pytest.mark.parametrize(
    ("lang", "words"),
    [("ru", "у него нет права «Диск» (disk)"), ("en", "it lacks the permission “Drive” (disk)")],
)
def test_without_the_permission_the_person_reads_what_to_do(shop: World, lang: str, words: str) -> None:
    shop.portal.installation.scope = tuple(one for one in shop.portal.installation.scope if one != "disk")
    assert words in seen(Picker(shop, EMPLOYEE, lang).listed())


def test_what_goes_wrong_is_said_in_the_window(shop: World) -> None:
    picker = Picker(shop)
    assert "не сообщил, кто вы" in seen(picker.listed(access_token=""))
    shop.portal.faults.errors["disk.storage.getlist"] = ["INTERNAL_SERVER_ERROR"]
    assert "не ответил" in seen(picker.listed())
    for broken in ("[", "7", '[["x", 1]]', "[[1]]", "null", "[" * 3000):
        assert "Общий диск" in seen(picker.listed(above=broken)), broken
    with uploads.uploading(), uploads.uploading():
        busy = picker.frame.post("/app/hand/drive/file", {"access_token": picker.token, "file": "601"})
    assert busy.status_code == 503
    with uploads.uploading(shop.line.portal_id):
        assert (
            picker.frame.post("/app/hand/drive/file", {"access_token": picker.token, "file": "601"}).status_code == 503
        )
    with uploads.uploading(shop.line.portal_id + 64):
        assert "Прайс-лист.pdf" in seen(picker.choose(601)), "another portal's file keeps nobody waiting"
    shop.net.broken[urlsplit(PORTAL).hostname or ""] = requests.ConnectionError("no route")
    assert "не ответил" in seen(picker.choose(601))


def test_without_the_right_to_send_drive_is_not_asked(shop: World) -> None:
    portal_id = shop.stored_rows(Portal)[0].id
    settings.change(shop.runtime, portal_id, rights={str(Right.SEND): Grant(Who.ADMINS).stored()})
    before = dict(shop.portal.counters.methods)
    assert "прав" in seen(Picker(shop, EMPLOYEE).listed()).lower()
    assert "прав" in seen(Picker(shop, EMPLOYEE).choose(601)).lower()
    assert shop.portal.counters.methods == before
