"""What can be chosen of a portal's CRM: types, fields, stages, people; and what a portal keeps from us."""

from __future__ import annotations

from messaging.campaigns.crm import catalogue as crm_catalogue
from messaging.campaigns.crm.catalogue import Field, Stage
from messaging.portals.tokens import portal_client
from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World

COLORS = Field("ufCrmColors", "Цвета фасадов", "text")
PAYMENT = Field("ufCrmPayment", "Способ оплаты", "choice", {"71": "Полная оплата", "72": "Рассрочка", "73": "Кредит"})
SOURCE = Field("sourceId", "Источник", "directory", directory="SOURCE")
STAGE = Field("stageId", "Стадия", "directory", directory="DEAL_STAGE")
MONEY = Field("opportunity", "Сумма", "number")
NAME = Field("CONTACT.NAME", "Контакт: Имя", "text")
TAX = Field("COMPANY.UF_CRM_INN", "Компания: ИНН", "text")


@ONE_DATABASE
def test_fields_stages_and_people_of_deals(shop: World) -> None:
    client = portal_client(shop.runtime, 1)
    deals = crm_catalogue.fields(client, crm_catalogue.DEAL, "ru")
    for field in (COLORS, PAYMENT, SOURCE, STAGE, MONEY, NAME, TAX):
        assert field in deals
    assert not [one.code for one in crm_catalogue.fields(client, crm_catalogue.CONTACT, "ru") if "." in one.code]
    assert crm_catalogue.stages(client, crm_catalogue.DEAL)[0] == Stage("NEW", "Новая", 0, "Общая")
    assert crm_catalogue.stages(client, 183)[0] == Stage("DT183_5:NEW", "Новая", 5, "Доставка")
    assert [stage.code for stage in crm_catalogue.stages(client, crm_catalogue.LEAD)] == ["NEW"]
    assert crm_catalogue.stages(client, crm_catalogue.COMPANY) == []
    assert crm_catalogue.users(client) == [(1, "Анна Соколова"), (3, "Мария Кузнецова"), (2, "Пётр Иванов")]


@ONE_DATABASE
def test_smart_processes_are_offered_if_they_may_be_seen(shop: World) -> None:
    client = portal_client(shop.runtime, 1)
    assert crm_catalogue.types(client, "ru")[-2:] == [(31, "Счета"), (183, "Доставка")]
    shop.portal.faults.update({"errors": {"crm.type.list": ["ACCESS_DENIED"], "user.get": ["insufficient_scope"] * 10}})
    assert crm_catalogue.types(client, "en") == [
        (1, "Leads"),
        (2, "Deals"),
        (3, "Contacts"),
        (4, "Companies"),
        (7, "Estimates"),
        (31, "Invoices"),
    ]
    assert crm_catalogue.users(client) == []
