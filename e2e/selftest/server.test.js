// Starting the program: a failure says what the program said.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startKith } from '../lib/server.js';

const withBinary = async (path, body) => {
  const before = process.env.KITH_BIN;
  process.env.KITH_BIN = path;
  try {
    await body();
  } finally {
    if (before === undefined) delete process.env.KITH_BIN;
    else process.env.KITH_BIN = before;
  }
};

test('a program that ends before it is ready fails at once and says how', () =>
  withBinary('/bin/false', () => assert.rejects(startKith(), /ended with code 1/)));

test('a program that is not built is said to be missing', () =>
  withBinary('/nowhere/kith', () => assert.rejects(startKith(), /build it with/)));
