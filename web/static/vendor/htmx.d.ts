// Ours, for tsc alone: what the pages use of htmx 2, and the events that our answers trigger through its header HX-Trigger.

interface HtmxRequest {
  verb: string;
  path: string;
  parameters: object;
  elt: Element;
  target: Element;
  headers: Record<string, string>;
}

interface HtmxSwap {
  xhr: XMLHttpRequest;
  requestConfig: HtmxRequest;
  target: Element;
  shouldSwap: boolean;
  isError: boolean;
}

interface HtmxAjaxContext {
  source?: Element;
  target?: Element;
  values?: object;
  headers?: Record<string, string>;
}

interface Window {
  htmx: {
    ajax(verb: string, path: string, context: HtmxAjaxContext): Promise<void>;
    trigger(element: Element, name: string): void;
  };
}

interface HTMLElementEventMap {
  'htmx:confirm': CustomEvent<{ elt: Element; issueRequest: (isConfirmed: boolean) => void }>;
  'htmx:configRequest': CustomEvent<{ elt: Element; headers: Record<string, string>; parameters: Record<string, string> }>;
  'htmx:beforeSwap': CustomEvent<HtmxSwap>;
  'htmx:afterSwap': CustomEvent<HtmxSwap>;
  'htmx:oobAfterSwap': CustomEvent<HtmxSwap>;
  /** Words by the id of the element they belong into. */
  'waba24:fill': CustomEvent<Record<string, string>>;
}

interface DocumentEventMap {
  'waba24:say': CustomEvent<string>;
}
