// Debian's Chromium, driven by playwright-core; a picture of the page when a test fails.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const artifacts = fileURLToPath(new URL('../artifacts', import.meta.url));

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: [
      '--headless', '--no-sandbox', '--lang=en-GB', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  });
}

/** A visitor of their own: cookies of nobody else, British English, London time. */
export async function visitor(browser, { baseURL, javaScript = true, width = 1280, height = 900 } = {}) {
  const context = await browser.newContext({
    baseURL,
    javaScriptEnabled: javaScript,
    viewport: { width, height },
    locale: 'en-GB',
    timezoneId: 'Europe/London',
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(15_000);
  return context;
}

/** Runs `body(page)` in a visitor of its own; on failure keeps a picture and the page's HTML in `artifacts/`. */
export async function withPage(browser, options, body) {
  const context = await visitor(browser, options);
  const page = await context.newPage();
  try {
    return await body(page);
  } catch (error) {
    error.message += await keep(page);
    throw error;
  } finally {
    await context.close();
  }
}

let kept = 0;

/** Saves what the page looks like now; answers with a line to add to an error. */
export async function keep(page) {
  try {
    await mkdir(artifacts, { recursive: true });
    kept += 1;
    const name = page.url().replace(/^https?:\/\/[^/]+/, '').replace(/[^a-z0-9]+/gi, '-').slice(0, 60) || 'page';
    const file = join(artifacts, `${process.pid}-${kept}-${name}.png`);
    await page.screenshot({ path: file, fullPage: true });
    return `\n  at ${page.url()}\n  picture: ${file}`;
  } catch {
    return `\n  at ${page.url()}`;
  }
}
