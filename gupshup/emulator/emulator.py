"""The state machine: messages go out and get their statuses, replies come in, webhooks report both."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from gupshup.emulator.rules import replies, statuses, webhook_bodies
from gupshup.emulator.rules.send_forms import Draft
from gupshup.emulator.state import codes
from gupshup.emulator.state.accounts import Accounts
from gupshup.emulator.state.faults import Faults
from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.records import App, Chat, Message, Phone, Reply, Status, Webhook, whatsapp_id
from gupshup.emulator.state.templates import Template
from gupshup.emulator.state.timetable import Clock, Post, Timetable

# The page of a phone refreshes every second. After this time without a refresh it counts as closed.
_PAGE_OPEN = timedelta(seconds=5)
_GLANCE = timedelta(milliseconds=400)


class Emulator:
    """All state of the emulator. Thread-safe: its one lock, `changed`, is never held while a webhook is posted.

    clock: aware datetimes in UTC. post: (url, body) → HTTP status, 0 when there was no answer.
    new_id: ids of messages, replies and webhooks. base_url: own address, for links to inbound files.
    """

    def __init__(self, clock: Clock, post: Post, new_id: Callable[[], str], base_url: str = "") -> None:
        self.clock = clock
        self.post = post
        self.new_id = new_id
        self.base_url = base_url
        self.changed = threading.Condition(threading.RLock())
        self.timetable = Timetable(clock, post, self.changed)
        self.faults = Faults()
        self.accounts = Accounts(clock, new_id)
        self.messages: list[Message] = []
        self.media: dict[str, tuple[str, str, bytes]] = {}
        self._by_id: dict[str, Message] = {}
        self._by_destination: dict[str, list[Message]] = {}
        self._phones: dict[str, Phone] = {}
        self._chats: dict[tuple[str, str], Chat] = {}
        self._replies: dict[str, Reply] = {}

    # Finding

    def message(self, gs_id: object) -> Message | None:
        """The message with this id of Gupshup's."""
        return self._by_id.get(str(gs_id))

    def inbound(self, reply_id: str) -> Reply | None:
        """The reply with this id, as its webhook carried it."""
        return self._replies.get(reply_id)

    def accepted(self, destination: str | None = None) -> list[Message]:
        """All accepted messages, or those to one phone, in order of acceptance."""
        with self.changed:
            return list(self.messages if destination is None else self._by_destination.get(destination, []))

    def phone(self, number: str) -> Phone:
        """A client's phone; created if it does not exist."""
        with self.changed:
            return self._phones.setdefault(number, Phone(number, f"Client {number[-4:]}"))

    def chat(self, app: App, number: str) -> Chat:
        """The chat of an app with a phone; created if it does not exist."""
        with self.changed:
            found = self._chats.get((app.name, number))
            if found is None:
                found = self._chats[app.name, number] = Chat(app, self.phone(number))
            return found

    def chats(self, number: str | None = None) -> list[Chat]:
        with self.changed:
            return [chat for chat in self._chats.values() if number in (None, chat.phone.number)]

    # Out: from the business to the phone

    def accept(self, draft: Draft, latency: timedelta = timedelta()) -> Message:
        """Accept a message and plan its statuses. Their times count from the answer to the sender, `latency` from now."""
        with self.changed:
            now = self.clock()
            message = Message(
                self.new_id(),
                draft.app,
                draft.destination,
                draft.path,
                draft.message,
                draft.template,
                draft.postback_texts,
                draft.known_template,
                now,
            )
            self.messages.append(message)
            self._by_id[message.id] = message
            self._by_destination.setdefault(message.destination, []).append(message)
            chat = self.chat(draft.app, draft.destination)
            chat.sent.append(message)
            for step in statuses.plan(message, self._failure(draft, chat), now + latency, self.faults):
                self.timetable.run_at(step.at, partial(self._advance, message, chat, step))
            return message

    def _failure(self, draft: Draft, chat: Chat) -> statuses.Failure | None:
        name, number = draft.app.name, draft.destination
        if self.faults.flag(name, "wallet_empty"):
            return statuses.Failure.of_code(codes.WALLET_LOW)
        if self.faults.get(name, "account_code") is not None:
            return statuses.Failure.of_code(self.faults.number(name, "account_code"))
        if draft.failure:
            return statuses.Failure(*draft.failure)
        wanted = self.faults.destination(name, number)
        if wanted:
            return statuses.Failure.of_fault(wanted)
        suffix = self.faults.get(name, "not_on_whatsapp_suffix")
        if number in self.faults.strings(name, "not_on_whatsapp") or (suffix and number.endswith(str(suffix))):
            return statuses.Failure.of_code(codes.NOT_ON_WHATSAPP)
        is_marketing = draft.known_template and draft.known_template.raw.get("category") == "MARKETING"
        if is_marketing and name in chat.phone.stopped:
            return statuses.Failure.of_code(codes.MARKETING_STOPPED)
        if draft.template is None and not chat.is_open(self.clock()):
            return statuses.Failure.of_code(self.faults.number(name, "window_code"))
        return None

    def _advance(self, message: Message, chat: Chat, step: Status) -> None:
        if message.reached("failed") or message.reached(step.status):
            return
        if step.status == "delivered" and not chat.phone.online:
            chat.held.append(message)
            return
        message.statuses.append(step)
        self._emit_status(message, step)
        if step.status == "delivered":
            self._bill(message, chat)
            self._arrived(message, chat)

    def _bill(self, message: Message, chat: Chat) -> None:
        """WhatsApp has decided whether it charges a delivered template; the event comes some time later."""
        name = message.app.name
        if not message.is_template or not self.faults.flag(name, "billing"):
            return
        category = self.faults.get(name, "billing_category")
        payload = webhook_bodies.billing(
            message,
            is_open=chat.is_open(self.clock()),
            category=None if category is None else str(category),
            as_text=self.faults.get(name, "billing_shape") == "text",
        )
        lag = timedelta(milliseconds=self.faults.number(name, "billing_delay_ms"))
        for _ in range(2 if self.faults.flag(name, "duplicate") else 1):
            self.emit(message.app, "billing-event", payload, lag)

    def _emit_status(self, message: Message, step: Status) -> None:
        event = statuses.event(message, step, self.faults)
        if event is None:
            return
        lag = statuses.lag(message.app.name, step.status, self.faults)
        for _ in range(2 if self.faults.flag(message.app.name, "duplicate") else 1):
            self.emit(message.app, "message-event", event, lag)

    def _arrived(self, message: Message, chat: Chat) -> None:
        chat.entries.append(message)
        chat.unread.append(message)
        now = self.clock()
        watched = chat.phone.watched.get(chat.app.name)
        if self.faults.get(chat.app.name, "auto_read_ms") is not None:
            pause = timedelta(milliseconds=self.faults.number(chat.app.name, "auto_read_ms"))
            self.timetable.run_at(now + pause, partial(self._read, chat))
        elif watched and now - watched < _PAGE_OPEN:
            self.timetable.run_at(now + _GLANCE, partial(self._read, chat))

    def _read(self, chat: Chat) -> None:
        while chat.unread:
            message = chat.unread.popleft()
            if chat.phone.receipts:
                self._advance(message, chat, Status("read", self.clock()))

    # In: from the phone to the business

    def look(self, chat: Chat) -> None:
        """The chat is open on the screen: delivered messages are read now, and those that arrive soon will be."""
        with self.changed:
            chat.phone.watched[chat.app.name] = self.clock()
            if chat.unread and chat.phone.online:
                self._read(chat)

    def go_online(self, number: str, online: bool) -> None:
        """Take a phone on or off the network. Held messages are delivered when it comes back."""
        with self.changed:
            phone = self.phone(number)
            phone.online = online
            for chat in self.chats(number) if online else ():
                while chat.held:
                    self._advance(chat.held.popleft(), chat, Status("delivered", self.clock()))

    def prefer(self, app: App, number: str, *, stops: bool) -> None:
        """The client stops the marketing of this app in WhatsApp, or allows it again; the app is told."""
        with self.changed:
            phone = self.phone(number)
            (phone.stopped.add if stops else phone.stopped.discard)(app.name)
            said: JsonObject = {"phone": number, "preference": "stop" if stops else "resume", "category": "marketing"}
            self.emit(app, "preference-event", said)

    def reply(self, app: App, number: str, spec: JsonObject) -> Reply:
        """The client sends something, as `POST /emulator/reply` describes it. Opens the window. Raises BadReply."""
        with self.changed:
            now = self.clock()
            quoted = self.message(spec.get("context_gs_id")) if spec.get("context_gs_id") else None
            if spec.get("context_gs_id") and (quoted is None or quoted.destination != number):
                raise replies.BadReply("context_gs_id: this phone has no such message")
            style = replies.Style(self.faults.get(app.name, "click_shape") == "old")
            payload = replies.build(spec, quoted, style, self.keep_file, now)
            reply = Reply(whatsapp_id(number, self.new_id()), app, number, payload, now, quoted)
            self._replies[reply.id] = reply
            chat = self.chat(app, number)
            chat.entries.append(reply)
            if payload["type"] != "reaction":
                chat.last_inbound = now
            self._emit_reply(reply, chat, context=not (spec.get("omit_context") or self._omits_context(app)))
            return reply

    def _omits_context(self, app: App) -> bool:
        return self.faults.flag(app.name, "omit_context")

    def _emit_reply(self, reply: Reply, chat: Chat, *, context: bool) -> None:
        payload = webhook_bodies.inbound(reply, chat.phone.name, context=context)
        for _ in range(2 if self.faults.flag(reply.app.name, "duplicate") else 1):
            posted = self.emit(reply.app, "message", payload, statuses.lag(reply.app.name, "reply", self.faults))
            reply.event = reply.event or (posted[0] if posted else None)

    def keep_file(self, content_type: str, name: str, content: bytes) -> str:
        """Store a file of the client; return its address for the webhook."""
        key = self.new_id()
        self.media[key] = (content_type, name, content)
        return f"{self.base_url or 'https://filemanager.gupshup.io'}/wa/media/{key}/{name}"

    # Templates

    def review_later(self, app: App, template_id: str) -> None:
        """With the fault `review_ms`, WhatsApp approves what was submitted by itself after so many milliseconds."""
        if self.faults.get(app.name, "review_ms") is not None:
            at = self.clock() + timedelta(milliseconds=self.faults.number(app.name, "review_ms"))
            self.timetable.run_at(at, partial(self._approve, app, template_id))

    def _approve(self, app: App, template_id: str) -> None:
        template = app.templates.get(template_id)
        if template is not None and template.status == "PENDING":
            self.set_template(app, template, {"status": "APPROVED", "reason": "NONE"})

    def set_template(self, app: App, template: Template, changes: JsonObject) -> Template:
        """WhatsApp decides about a template; the app is told of another status by a webhook."""
        with self.changed:
            changed = self.accounts.change_template(app, template, changes)
            if changed.status != template.status:
                self.emit(app, "template-event", webhook_bodies.template_status(changed))
            return changed

    def recategorise(self, app: App, template: Template, category: str, *, is_announced: bool) -> None:
        """WhatsApp changes a category, or announces that it will."""
        with self.changed:
            self.emit(app, "template-event", webhook_bodies.template_category(template, category, is_announced))
            if not is_announced:
                was = template.raw.get("category")
                self.accounts.change_template(app, template, {"category": category, "oldCategory": was})

    def close_window(self, app: App, number: str) -> None:
        """Close the 24-hour window of this chat only."""
        with self.changed:
            self.chat(app, number).last_inbound = None

    # Webhooks

    def emit(self, app: App, kind: str, payload: JsonObject, lag: timedelta = timedelta()) -> list[Webhook]:
        """Queue an event for each subscription to it, `lag` from now."""
        with self.changed:
            now = self.clock()
            mode = webhook_bodies.mode_of(kind, payload)
            label = f"{kind}/{payload.get('type', '')}".rstrip("/")
            body = webhook_bodies.envelope(app, kind, payload, now)
            posted = [
                Webhook(self.new_id(), app, subscription.url, body, label, now + lag)
                for subscription in app.subscriptions.values()
                if subscription.active and subscription.modes & {mode, "ALL"}
            ]
            for webhook in posted:
                self.timetable.add_webhook(webhook)
            return posted

    def deliver(self, webhook: Webhook) -> None:
        """Post a webhook; if that fails, plan another attempt."""
        self.timetable.deliver(webhook, self.faults.number(webhook.app.name, "retries"))

    def deliver_due(self) -> int:
        """Do what is due, and post the webhooks that are due, on this thread. Returns the number of posts."""
        posted = 0
        while ready := self.timetable.take_due():
            for webhook in ready:
                self.deliver(webhook)
            posted += len(ready)
        return posted

    def next_due(self) -> datetime | None:
        """The time of the next planned action; None if there is none."""
        return self.timetable.next_due()

    def change_faults(self, app: str, wanted: Mapping[str, object]) -> None:
        """Raises BadFault."""
        with self.changed:
            self.faults.change(app, wanted)


def random_id() -> str:
    """A UUID, like Gupshup's ids."""
    return str(uuid.uuid4())
