/** Slices of a large object are kept for everybody, and asked for on behalf of whoever needs them, never of one before. */
import { expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { pattern, request } from '../support/shield.ts'

const KB = 1024
const FILM = pattern(1024 * KB)
const PUBLIC = { 'Cache-Control': 'public, max-age=600' }

async function start() {
  const shield = await startHttpShield({ cache: { memory: '1MiB', maxObject: '256KiB', slice: '64KiB' } })
  shield.origin.put('/film', FILM, PUBLIC)
  const ask = async (first: number, headers: Readonly<Record<string, string>>) => {
    const range = `bytes=${first}-${first + 9}`
    const { status, body } = await request(shield.port, {
      path: '/film',
      headers: { Host: 'h', Range: range, ...headers },
    })
    expect(status).toBe(206)
    expect(body.equals(FILM.subarray(first, first + 10))).toBe(true)
  }
  return { ...shield, ask }
}

test('a slice that is missing is asked for with the fields of the one who needs it', async () => {
  const { origin, ask } = await start()
  await ask(0, { Cookie: 'alice' })
  await ask(500 * KB, { Cookie: 'bob' })
  await ask(900 * KB, {})
  expect(origin.requests.map(({ fields }) => fields['cookie'])).toEqual(['alice', 'bob', undefined])
})

test('credentials of the one who asked first are not used for the next ones', async () => {
  const { origin, port, ask } = await start()
  const whole = await request(port, { path: '/film', headers: { Host: 'h', Authorization: 'Bearer alice' } })
  expect(whole.body.equals(FILM)).toBe(true)
  origin.on('/film', (exchange) =>
    exchange.request.fields['authorization'] === undefined ? exchange.answer() : exchange.send({ status: 401 }),
  )
  const asked = origin.requests.length
  // Not all of it fits into the memory: some of these have to be fetched again.
  for (let first = 0; first < 1000; first += 100) await ask(first * KB, {})
  expect(origin.requests.length).toBeGreaterThan(asked)
  expect(origin.requests.slice(asked).filter(({ fields }) => 'authorization' in fields)).toEqual([])
})

test('what is in memory is given to everybody without asking', async () => {
  const { origin, ask } = await start()
  await ask(0, { Cookie: 'alice' })
  await ask(10 * KB, { Cookie: 'bob' })
  expect(origin.requests.length).toBe(1)
})
