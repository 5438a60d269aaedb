/**
 * A server in a process of its own that tells what its requests cost, in things that can be counted: the shield as it is
 * run, with access records that are written nowhere, or bare node:http with the same answer. Time stands still for the
 * shield, so that equal requests have equal answers.
 *
 * Its argument is an `Asked` as JSON. Says `{ port }` when it listens, and answers any message with a `Counted`. Ends
 * with its parent.
 */

import { createHook } from 'node:async_hooks'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getHeapStatistics } from 'node:v8'
import type { Asked, Counted } from './counted.ts'

const PROGRAM = new URL('../../src/', import.meta.url).href

const { server, counts } = JSON.parse(process.argv[2] ?? '') as Asked
const take = await startCounts()
const port = server.kind === 'bare' ? await startBare(server.bytes) : await startShield(server.configuration)
process.on('message', async () => process.send?.(await take()))
process.on('disconnect', () => process.exit())
process.send?.({ port })

/** Before anything else is loaded. Gives what happened since it was asked last. */
async function startCounts(): Promise<() => Promise<Counted>> {
  switch (counts) {
    case 'allocations': {
      const allocated = () => getHeapStatistics().total_allocated_bytes
      let before = allocated()
      return async () => {
        const bytes = allocated() - before
        before += bytes
        return { kind: 'allocations', bytes }
      }
    }
    case 'promises': {
      let promises = 0
      const onInit = (_id: number, type: string) => {
        if (type === 'PROMISE') promises += 1
      }
      createHook({ init: onInit }).enable()
      return async () => {
        const counted: Counted = { kind: 'promises', promises }
        promises = 0
        return counted
      }
    }
    case 'code': {
      const { startCounting } = await import('./code-run.ts')
      const counter = await startCounting((url) => url.startsWith(PROGRAM))
      return async () => {
        const { characters, calls } = await counter.take()
        return { kind: 'code', characters, patternTests: calls.get('test') ?? 0 }
      }
    }
    default:
      return counts satisfies never
  }
}

async function startShield(text: string): Promise<number> {
  const { startApp } = await import('../../src/app.ts')
  const { loadConfig } = await import('../../src/config/load.ts')
  const { FakeClock } = await import('../support/fake-clock.ts')
  const app = await startApp(loadConfig({ text, file: 'counted.yaml' }, {}), {
    clock: new FakeClock(),
    log: { write: () => undefined },
  })
  return app.addresses[0]?.port ?? 0
}

function startBare(bytes: number): Promise<number> {
  const body = Buffer.alloc(bytes)
  const fields = ['Content-Type', 'video/mp2t', 'Content-Length', String(bytes), 'ETag', '"1"']
  const bare = createServer((_req, res) => {
    res.writeHead(200, fields)
    res.end(body)
  })
  return new Promise((resolve) => {
    bare.listen(0, '127.0.0.1', () => resolve((bare.address() as AddressInfo).port))
  })
}
