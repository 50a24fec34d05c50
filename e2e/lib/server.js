// Starts the real program on a folder and port of its own, and stops it again.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('..', import.meta.url));

/** The built program: KITH_BIN, or the debug build beside this folder. */
export function binary() {
  const target = process.env.CARGO_TARGET_DIR
    ? resolve(here, '..', process.env.CARGO_TARGET_DIR)
    : join(here, '..', 'target');
  return process.env.KITH_BIN || join(target, 'debug', 'kith');
}

/** A port that nobody listens on just now. */
export function freePort() {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once('error', failed);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

/**
 * `kith demo` with a neighbourhood of `people`, ready to be used.
 * Gives `{ url, data, log(), stop() }`; `stop` also removes the folder unless one was given.
 */
export async function startKith({ people = 300, data, extra = [], readyWithin = 120_000 } = {}) {
  const program = binary();
  if (!existsSync(program)) {
    throw new Error(`${program} is not there: build it with 'cargo build -p kith', or set KITH_BIN`);
  }
  const own = data === undefined;
  const folder = data ?? (await mkdtemp(join(tmpdir(), 'kith-e2e-')));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = ['demo', '--people', String(people), '--data', folder, '--listen', `127.0.0.1:${port}`, ...extra];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });

  let said = '';
  const keep = (chunk) => {
    said = (said + chunk).slice(-20_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let ended = null;
  const exit = new Promise((done) => {
    child.once('error', (error) => { ended = error.message; done(); });
    child.once('exit', (code, signal) => { ended ??= `ended with ${signal ?? `code ${code}`}`; done(); });
  });

  const stop = async () => {
    if (ended === null) {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await exit;
      clearTimeout(late);
    }
    if (own) await rm(folder, { recursive: true, force: true });
  };

  const deadline = Date.now() + readyWithin;
  for (;;) {
    if (ended !== null || Date.now() > deadline) {
      const why = ended ?? `was not ready within ${readyWithin / 1000} s`;
      await stop();
      throw new Error(`kith ${args.join(' ')}\n${why}\n${said}`);
    }
    try {
      const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) });
      if (answer.ok) break;
    } catch {
      // Not listening yet.
    }
    await new Promise((done) => setTimeout(done, 100));
  }
  return { url, data: folder, log: () => said, stop };
}
