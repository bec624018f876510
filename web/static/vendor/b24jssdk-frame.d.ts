// Ours, for tsc alone: what frame.js uses of the copied part of Bitrix24's SDK. It must lie beside the copy to be found.

export class AppFrame {
  constructor(query: { DOMAIN: string; PROTOCOL: boolean; APP_SID: string });
}

export class MessageManager {
  constructor(app: AppFrame);
  subscribe(): void;
  /** `isSafely`: resolves with `{isSafely: true}` when nobody answers within `safelyTime` milliseconds. */
  send(command: string, params: { isSafely?: boolean; safelyTime?: number; [name: string]: unknown }): Promise<any>;
}

export class AuthManager {
  constructor(app: AppFrame, messages: MessageManager);
  /** Takes the tokens out of the answer to getInitData. */
  initData(data: { AUTH_ID?: string; REFRESH_ID?: string; AUTH_EXPIRES?: string }): this;
  /** false when the token has expired, or was never known. */
  getAuthData(): false | { access_token: string };
  /** `expires` in unix seconds. */
  refreshAuth(): Promise<false | { access_token: string; expires: number }>;
}

export class DialogManager {
  constructor(messages: MessageManager);
  selectCRM(what: { entityType: string[]; multiple: boolean; value: unknown[] }): Promise<{ contact?: { id: string; title: string }[] }>;
}

export class ParentManager {
  constructor(messages: MessageManager);
  closeApplication(): Promise<void>;
}
