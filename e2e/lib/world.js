// A neighbourhood of its own for a file of tests: the program and the browser start before them and stop after.
import { execFile } from 'node:child_process';
import { after, before } from 'node:test';
import { promisify } from 'node:util';
import { launch, withPage } from './browser.js';
import { binary, startKith } from './server.js';
import { signInAs } from './signin.js';

/**
 * Answers an object whose `as` signs somebody in, and whose `fhir` asks the machine door, once the tests run.
 * `prepare(place)` runs before the first of them.
 */
export function neighbourhood({ prepare = async () => {}, ...options } = {}) {
  let kith;
  let browser;
  let token;
  before(async () => {
    [kith, browser] = await Promise.all([startKith(options), launch()]);
    await prepare(place);
  });
  after(async () => {
    await browser?.close();
    await kith?.stop();
  });
  const place = {
    get url() { return kith.url; },
    get browser() { return browser; },

    /** Runs `body(page, landing)` as somebody of the demo, in a browser session of their own. */
    as: (who, body, visitorOptions = {}) =>
      withPage(browser, { baseURL: kith.url, ...visitorOptions }, async (page) => body(page, await signInAs(page, who))),

    /** Runs `body(page)` as nobody. */
    stranger: (body, visitorOptions = {}) => withPage(browser, { baseURL: kith.url, ...visitorOptions }, body),

    /** Asks the machine door as a connected system that may do everything: the FHIR answer. */
    async fhir(path, { method = 'GET', resource } = {}) {
      token ??= await connect(kith.data);
      const answer = await fetch(`${kith.url}/fhir/${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' },
        body: resource && JSON.stringify(resource),
      });
      const body = await answer.json();
      if (!answer.ok) throw new Error(`${method} ${path} answers ${answer.status}: ${JSON.stringify(body)}`);
      return body;
    },
  };
  return place;
}

async function connect(data) {
  const { stdout } = await promisify(execFile)(binary(), ['token', '--data', data, '--service', 'Browser tests', '--scope', 'system/*.*']);
  return stdout.trim();
}
