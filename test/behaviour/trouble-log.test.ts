/** Trouble is told once and then with its count, however many requests meet it; and access records obey the log. */
import { expect, onTestFinished, test } from 'vitest'
import { startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { startS3Server } from '../support/s3-socket-server.ts'
import { request, type Shield, startShield, times } from '../support/shield.ts'

const failures = ({ logRecords }: Shield) => logRecords().filter(({ msg }) => msg === 'fill failed')
const warnings = ({ logRecords }: Shield) => logRecords().filter(({ level }) => level >= 40)

async function ask({ port }: Shield, count: number, prefix: string): Promise<void> {
  await Promise.all(times(count, (index) => request(port, { path: `/${prefix}${index}` })))
}

test('fills that fail are one line a second and kind, which counts those before it', async () => {
  const shield = await startShield()
  shield.s3.onAny((exchange) => exchange.error(500, 'InternalError'))
  await ask(shield, 50, 'a')
  expect(failures(shield)).toHaveLength(1)

  shield.clock.advance(999)
  await ask(shield, 10, 'b')
  expect(failures(shield)).toHaveLength(1)

  shield.clock.advance(1)
  await ask(shield, 1, 'c')
  expect(failures(shield).map(({ unreported }) => unreported)).toEqual([0, 59])
})

test('requests that run out of attempts are not a line each', async () => {
  const shield = await startShield({ retry: { maxAttempts: 4 } })
  shield.s3.onAny((exchange) => exchange.reset())
  await ask(shield, 20, 'a')

  expect(warnings(shield).map(({ msg }) => msg)).toEqual(['fill failed'])
})

test('a circuit that opens is one line, and so is all that it refuses in a second', async () => {
  const shield = await startShield({ origin: { breaker: { minRequests: 5, openFor: '5s' } } })
  shield.s3.onAny((exchange) => exchange.error(500, 'InternalError'))
  await ask(shield, 5, 'a')
  for (const round of times(10, (index) => index)) await ask(shield, 10, `b${round}-`)

  const lines = warnings(shield).map(({ msg, kind, circuit }) => circuit ?? `${msg}: ${kind}`)
  expect(lines).toEqual(['fill failed: broken', 'open', 'fill failed: overloaded'])
})

test('an origin that says SlowDown is told of once, and its refusals once a second', async () => {
  const shield = await startShield()
  shield.s3.onAny((exchange) => exchange.error(503, 'SlowDown'))
  await ask(shield, 30, 'a')

  const lines = warnings(shield).map(({ msg, status }) => [msg, status])
  expect(lines).toEqual([
    ['spaces: answers 503, which asks for fewer requests', 503],
    ['fill failed', undefined],
  ])
})

test('access records are of level info: a log that leaves that out has none, and trouble all the same', async () => {
  const shield = await startShield({ log: { level: 'warn' } })
  shield.s3.put('a', 'x')
  shield.s3.on('b', (exchange) => exchange.error(500, 'InternalError'))
  await request(shield.port, { path: '/a' })
  await request(shield.port, { path: '/b' })
  await shield.close()

  expect(shield.logRecords().map(({ msg }) => msg)).toEqual(['fill failed'])
})

test('a share of the access records can be asked for', async () => {
  // The chooser always says 0: whoever may be chosen is.
  const shield = await startShield({ log: { sample: 0.5 } })
  shield.s3.put('a', 'x')
  await request(shield.port, { path: '/a' })
  await request(shield.port, { path: '/a' })

  expect((await shield.accessRecords(2)).map(({ sample }) => sample)).toEqual([0.5, 0.5])
})

test('access records are readable lines where the log is for people', async () => {
  const s3 = await startS3Server()
  const { promise: written, resolve } = Promise.withResolvers<string>()
  const config = {
    listen: [{ address: '127.0.0.1:0' }],
    log: { format: 'pretty' },
    origins: {
      spaces: {
        type: 's3',
        endpoint: s3.endpoint,
        region: 'sfo3',
        bucket: s3.bucket,
        forcePathStyle: true,
        credentials: { anonymous: true },
      },
    },
    routes: [{ match: '/**', origin: 'spaces' }],
  }
  const write = (line: string) => {
    if (line.includes('/missing')) resolve(line)
  }
  const app = await startApp(loadConfig({ text: JSON.stringify(config), file: 'pretty.yaml' }, {}), {
    clock: new FakeClock(),
    graceMs: 0,
    log: { write },
  })
  onTestFinished(async () => {
    await app.close()
    await s3.close()
  })
  await request(app.addresses[0]?.port ?? 0, { path: '/missing' })

  expect(await written).toMatch(/^\[[\d:.]+\] INFO: request \{.*"status":404.*\}\n$/)
})
