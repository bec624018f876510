// Times as the reader's own clock shows them. The server writes UTC: it does not know the reader's zone.
const DAY = 24 * 3600 * 1000;
const lang = document.documentElement.lang;
/** @param {Intl.DateTimeFormatOptions} options */
const make = (options) => new Intl.DateTimeFormat(lang, options);
const clock = make({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const whole = make({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const exact = make({ hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 1, hourCycle: 'h23' });
const dayMonth = make({ day: 'numeric', month: lang === 'ru' ? 'long' : 'short' });
const day = make(lang === 'ru' ? {} : { day: 'numeric', month: 'short', year: 'numeric' });
const near = new Intl.RelativeTimeFormat(lang, { numeric: 'auto' });

/** @param {Date} at */
const midnight = (at) => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();

/** @param {Date} at @param {string | undefined} style auto, full, clock (tenths), time or date @param {Date} [now] */
export function shown(at, style, now = new Date()) {
  if (style === 'date') return day.format(at);
  // The provider tells whole seconds: a “,0” would claim to know more, and stand before what caused it.
  if (style === 'clock') return (at.getMilliseconds() ? exact : whole).format(at);
  if (style === 'time') return clock.format(at);
  if (style === 'full') return `${day.format(at)}${lang === 'ru' ? ' ' : ', '}${clock.format(at)}`;
  const days = Math.round((midnight(at) - midnight(now)) / DAY);
  if (Math.abs(days) <= 1) return `${near.format(days, 'day')}, ${clock.format(at)}`;
  return at.getFullYear() === now.getFullYear() ? `${dayMonth.format(at)}, ${clock.format(at)}` : day.format(at);
}

/** Rewrite every <time data-show> below the root. @param {ParentNode} root */
export function localise(root = document) {
  for (const element of /** @type {NodeListOf<HTMLTimeElement>} */ (root.querySelectorAll('time[data-show]'))) {
    const at = new Date(element.dateTime);
    element.textContent = shown(at, element.dataset.show);
    element.title = at.toLocaleString(lang);
  }
}
