// The frame's side of Bitrix24's postMessage protocol (docs: sdk/bx24-js-sdk): "<method>:<json>:<callback>:<APP_SID>".
// The portal's origin comes from the verified page, never from the message; window.name is left alone.

export function frame(origin, sid) {
  let last = 0;
  const waiting = new Map();
  window.addEventListener('message', (event) => {
    if (event.origin !== origin || typeof event.data !== 'string') return;
    const colon = event.data.indexOf(':');
    const answer = waiting.get(event.data.slice(0, colon));
    if (answer) answer(event.data.slice(colon + 1));
  });
  return {
    send(method, params, onAnswer) {
      const id = `w${++last}`;
      if (onAnswer) waiting.set(id, onAnswer);
      const body = params === undefined ? '' : `${JSON.stringify(params)}:`;
      window.parent.postMessage(`${method}:${body}${id}:${sid}`, origin);
    },
  };
}

export const openFrame = ({ origin, sid }) => {
  const door = frame(origin, sid);
  return {
    refreshAuth: () => new Promise((done) => door.send('refreshAuth', undefined, (json) => done({ accessToken: JSON.parse(json).AUTH_ID }))),
    openPath: (path) => door.send('openPath', { path }),
  };
};
