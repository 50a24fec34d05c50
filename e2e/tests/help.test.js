// Getting help, as people do it: from the problem to a time in their care.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SORE_THROAT, answer, answerAll, appointments, begin, chooseATime, heading } from '../lib/journey.js';
import { everything, mustBeRight } from '../lib/checks.js';
import { photograph } from '../lib/photo.js';
import { neighbourhood } from '../lib/world.js';

const place = neighbourhood();

test('a red flag stops the questions and says to call 999', () =>
  place.as('Kevin Slater', async (page) => {
    await begin(page, 'Sore throat');
    await answer(page, 'Hard to breathe');
    assert.match(page.url(), /\/stop$/);
    assert.match(await heading(page), /999/);
    await page.getByRole('main').getByRole('link', { name: /Call 999/ }).first().waitFor();
    assert.equal(await page.getByRole('main').getByRole('button').count(), 0, 'nothing more is asked');
    mustBeRight(await everything(page), 'the page that says to call 999');
    // Neither typing an address nor going on later leads past it.
    for (const way of ['/help/sore-throat/check', '/help/sore-throat/result', '/help/sore-throat/question/signs']) {
      await page.goto(way);
      assert.match(page.url(), /\/(stop|question\/danger)$/, `${way} leads past the stop`);
    }
    await page.goto('/care');
    assert.match(await page.getByRole('main').innerText(), /999[\s\S]*(has this|will check)/, 'the answers are kept, and somebody checks');
  }));

test('content that is not signed off says so on the page', () =>
  place.as('Gloria Francis', async (page) => {
    const says = async () => {
      const text = await page.getByRole('main').innerText();
      assert.match(text, /not clinically signed off/i, `${page.url()} does not say that its content is not signed off`);
    };
    await page.goto('/help');
    const problems = await page.getByRole('main').locator('h3 a').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
    assert.ok(problems.length >= 5, 'problems are offered');
    for (const problem of problems) {
      await page.goto(problem);
      await says();
      const start = page.getByRole('button', { name: /^Start/ });
      if ((await start.count()) === 0) continue;
      await start.click();
      await says();
    }
    await begin(page, 'Sore throat');
    await answerAll(page, SORE_THROAT, says);
    await chooseATime(page, says);
    await page.goto('/help/sore-throat');
    await page.getByRole('button', { name: 'Start again' }).click();
    await answer(page, 'Hard to breathe');
    await says();
  }));

const asksAndBooks = (who, options) =>
  place.as(who, async (page) => {
    const before = (await appointments(page)).length;
    await begin(page, 'Sore throat');
    await answerAll(page, SORE_THROAT);
    assert.match(await heading(page), /^Check your answers/);
    await chooseATime(page);
    assert.equal(await heading(page), 'Check and book');
    const when = (await page.locator('dl dd').first().innerText()).trim();
    assert.equal((await place.as(who, appointments)).length, before, 'nothing is booked before it is confirmed');
    await page.getByRole('button', { name: 'Book it' }).click();
    assert.equal(await heading(page), 'You are booked');
    assert.ok((await page.getByRole('main').innerText()).includes(when), `the time chosen, ${when}, is the time booked`);
    const booked = await appointments(page);
    assert.equal(booked.length, before + 1);
    assert.ok(booked.some((one) => one.includes(when)), `${when} is among: ${booked.join(' | ')}`);
  }, options);

test('a person asks for help and books a time that is then in their care', () => asksAndBooks('Leah Marsden'));

test('a person asks for help and books a time without JavaScript', () => asksAndBooks('Beverley Francis', { javaScript: false }));

test('the whole way to a booking is gone with the keyboard alone', () =>
  place.as('Luke Holt', async (page) => {
    const press = async (key, times = 1) => {
      for (let i = 0; i < times; i += 1) await page.keyboard.press(key);
    };
    /** Tabs until what has the focus satisfies `wanted`, then presses `key` on it. */
    const use = async (wanted, key = 'Enter') => {
      for (let i = 0; i < 80; i += 1) {
        await press('Tab');
        const found = await page.evaluate(() => {
          const one = document.activeElement;
          return { tag: one.tagName, type: one.type, name: one.name, text: (one.labels?.[0] ?? one).innerText?.replace(/\s+/g, ' ').trim() ?? '' };
        });
        if (wanted(found)) {
          if (key === 'Enter' && found.tag !== 'INPUT') {
            await Promise.all([page.waitForEvent('load'), press('Enter')]);
          } else {
            await press(key);
          }
          return;
        }
      }
      throw new Error(`Tab does not reach it on ${page.url()}`);
    };
    const called = (name) => ({ text, tag }) => tag !== 'INPUT' && text.startsWith(name);
    await page.goto('/');
    await use(called('Get help'));
    await use(called('Sore throat'));
    await use(called('Start'));
    for (let step = 0; step < 20 && /\/question\//.test(page.url()); step += 1) {
      const kind = await page.locator('main [name=answer]').first().evaluate((one) => one.type);
      if (kind === 'checkbox') await use(({ text }) => text === 'None of these', 'Space');
      else if (kind === 'radio') {
        // A group has one stop; the arrows choose in it.
        await use(({ type }) => type === 'radio', 'Space');
        for (let i = 0; i < 4; i += 1) {
          if ((await page.evaluate(() => document.activeElement.labels[0].innerText.trim())) === 'No') break;
          await press('ArrowDown');
        }
      } else {
        await use(({ name }) => name === 'answer', 'End');
        await page.keyboard.type('2');
      }
      await use(called('Continue'));
    }
    await use(called('See who can help'));
    await use(called('Choose a time'));
    await use(({ type, name }) => type === 'radio' && name === 'slot', 'Space');
    await use(called('Continue'));
    await use(called('Book it'));
    assert.equal(await heading(page), 'You are booked');
  }));

test('a double click on confirm books once', async () => {
  for (const javaScript of [true, false]) {
    await place.as('Stephen Wainwright', async (page) => {
      const before = (await appointments(page)).length;
      await begin(page, 'Sore throat');
      await answerAll(page, SORE_THROAT);
      await chooseATime(page);
      await page.getByRole('button', { name: 'Book it' }).dblclick();
      await page.waitForURL(/\/done$/);
      assert.equal(await heading(page), 'You are booked');
      assert.equal((await appointments(page)).length, before + 1, `with JavaScript ${javaScript}`);
      // Going back and sending it again does not book again either.
      await page.goto('/help/sore-throat/confirm');
      assert.equal(await page.getByRole('button', { name: 'Book it' }).count(), 0);
    }, { javaScript });
  }
});

test('a proxy sees at every step for whom they act', () =>
  place.as('Claire Whitaker', async (page) => {
    const them = 'Maureen Thornton';
    await page.goto('/acting');
    await page.getByRole('button', { name: `Act for ${them}` }).click();
    const says = async () => {
      const region = page.getByRole('region', { name: 'Who you are acting for' });
      assert.ok((await region.count()) === 1 && (await region.innerText()).includes(them), `${page.url()} does not say for whom`);
    };
    await says();
    for (const path of ['/', '/care', '/care/messages', '/care/messages/new', '/care/results', '/record', '/record/timeline',
      '/who-looked', '/details', '/details/change', '/acting', '/help', '/help/leg-wound']) {
      await page.goto(path);
      await says();
    }
    await begin(page, 'A wound on the leg or foot');
    // A photo as a telephone takes it, with the place in it.
    const photo = await photograph(page, { place: 'SECRETPLACE' });
    await answerAll(page, { 'How did it begin': 'A knock', 'How many weeks': '3', 'Can you add a photo': photo, 'Can you get to a clinic': 'Yes' }, says);
    assert.match(await heading(page), /Check your answers/);
    const shown = page.getByRole('img', { name: /photo you added/ });
    const kept = await page.request.get(await shown.getAttribute('src'));
    assert.equal(kept.headers()['content-type'], 'image/jpeg');
    assert.ok(!(await kept.body()).includes('SECRETPLACE'), 'where the photo was taken is not kept');
    assert.ok(await shown.evaluate((image) => image.naturalWidth > 100), 'the photo is shown');
    await chooseATime(page, says);
    await page.getByRole('button', { name: 'Book it' }).click();
    assert.equal(await heading(page), 'You are booked');
    await says();
    const theirs = await appointments(page);
    await says();
    assert.ok(theirs.length >= 1);
    await page.getByRole('button', { name: 'Stop acting for them' }).click();
    assert.equal(await page.getByRole('region', { name: 'Who you are acting for' }).count(), 0);
    const own = await appointments(page);
    assert.ok(!own.some((one) => theirs.includes(one)), 'the booking is theirs, not the proxy\'s');
  }));

test('a file that is no photo is refused and the question stays', () =>
  place.as('Maureen Thornton', async (page) => {
    await begin(page, 'A wound on the leg or foot');
    for (let step = 0; step < 20 && !/\/question\/photo$/.test(page.url()); step += 1) {
      const question = await heading(page);
      await answer(page, question.startsWith('How did') ? 'A knock' : question.startsWith('How many') ? '3' : undefined);
    }
    await answer(page, { name: 'wound.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('<script>alert(1)</script>') });
    assert.match(page.url(), /photo/);
    await page.getByRole('alert').or(page.locator('.nhsuk-error-summary')).first().waitFor();
    assert.match(await page.title(), /^Error: /);
    mustBeRight(await everything(page), 'the page after a file that is no photo');
  }));
