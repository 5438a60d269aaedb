import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { endAll, run, start } from './program.ts'

let folder = ''
/** An origin that takes connections and never says anything. */
let silent: Server
const connections = new Set<Socket>()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'segment-shield-serve-'))
  silent = createServer((socket) => {
    connections.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => connections.delete(socket))
  })
  await listening(silent)
})
afterAll(async () => {
  for (const socket of connections) socket.destroy()
  await new Promise((closed) => silent.close(closed))
  await rm(folder, { recursive: true })
})
afterEach(endAll)

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return portOf(server)
}

function portOf(server: Server): number {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('not listening on a port')
  return address.port
}

async function configFor(address: string): Promise<string> {
  const file = join(folder, 'serve.yaml')
  await writeFile(
    file,
    `
listen: [{ address: "${address}" }]
origins:
  silent:
    type: s3
    endpoint: http://127.0.0.1:${portOf(silent)}
    region: us-east-1
    bucket: b
    forcePathStyle: true
    credentials: { anonymous: true }
routes: [{ match: /**, origin: silent }]
`,
  )
  return file
}

async function served(preload?: string) {
  const file = await configFor('127.0.0.1:0')
  const program = start(['serve', file], preload === undefined ? {} : { preload })
  const { address, port } = JSON.parse(await program.line('"listening"'))
  return { ...program, url: `http://${address}:${port}` }
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it in good order with exit code 0', async (signal) => {
  const { child, url, ended } = await served()
  expect((await fetch(`${url}/%zz`)).status).toBe(400)
  child.kill(signal)
  expect(await ended).toMatchObject({ code: 0, stderr: '' })
  await expect(fetch(url)).rejects.toThrow()
})

test('a second signal ends it at once with exit code 1, whatever is under way', async () => {
  const { child, url, line, ended } = await served()
  const asked = once(silent, 'connection')
  const answer = fetch(`${url}/segment.ts`).catch((error: unknown) => error)
  await asked
  child.kill('SIGTERM')
  await line('draining')
  child.kill('SIGTERM')
  expect(await ended).toMatchObject({ code: 1, stderr: '' })
  expect(await answer).toBeInstanceOf(Error)
})

test('a port that is taken is one sentence that names it, with exit code 1', async () => {
  const holder = createServer()
  const port = await listening(holder)
  try {
    const { code, stderr } = await run(['serve', await configFor(`127.0.0.1:${port}`)])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^segment-shield: .+\n$/)
    expect(stderr).toContain(`127.0.0.1:${port}`)
    expect(stderr).not.toContain('    at ')
  } finally {
    await new Promise((closed) => holder.close(closed))
  }
})

test.each([
  ['an exception', "throw new Error('a fault of its own')"],
  ['a rejection', "Promise.reject(new Error('a fault of its own'))"],
])('%s that nobody handles is told on standard error, with exit code 1', async (_, statement) => {
  const preload = join(folder, 'fault.mjs')
  await writeFile(preload, `process.on('SIGUSR2', () => { ${statement} })\n`)
  const { child, ended } = await served(preload)
  child.kill('SIGUSR2')
  const { code, stderr } = await ended
  expect(code).toBe(1)
  expect(stderr).toMatch(/^segment-shield: Error: a fault of its own\n {4}at /)
})
