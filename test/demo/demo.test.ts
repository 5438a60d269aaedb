import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { type RunningDemo, startDemo } from '../../src/demo.ts'

const FOLDER = resolve(import.meta.dirname, '../../src/demo')

const running: { close(): Promise<unknown> }[] = []
afterEach(() => Promise.all(running.splice(0).map((it) => it.close())))

async function start(): Promise<{ demo: RunningDemo; lines: string[] }> {
  const lines: string[] = []
  const demo = await startDemo({ port: 0, s3Port: 0, adminPort: 0, print: (line) => lines.push(line) })
  running.push(demo)
  return { demo, lines }
}

async function occupyPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  running.push({ close: () => new Promise((closed) => server.close(closed)) })
  return (server.address() as AddressInfo).port
}

test('every file of the page and the stream comes out of the bucket as it is, with its type', async () => {
  const { demo } = await start()
  const sample = (await readdir(join(FOLDER, 'sample'))).map((name) => [`stream/${name}`, `sample/${name}`] as const)
  const page = ['watch.html', 'watch.css', 'watch.js'].map((name) => [name, name] as const)
  const types: Record<string, string> = {
    html: 'text/html; charset=utf-8',
    css: 'text/css; charset=utf-8',
    js: 'text/javascript; charset=utf-8',
    m3u8: 'application/vnd.apple.mpegurl',
    mp4: 'video/mp4',
    m4s: 'video/iso.segment',
  }
  expect(sample.length).toBeGreaterThan(30)
  for (const [path, file] of [...page, ...sample]) {
    const response = await fetch(new URL(path, demo.url))
    const bytes = Buffer.from(await response.arrayBuffer())
    expect([path, response.status, response.headers.get('content-type')]).toEqual([
      path,
      200,
      types[path.split('.').at(-1) ?? ''],
    ])
    expect(bytes.equals(await readFile(join(FOLDER, file)))).toBe(true)
  }
})

test('a segment is fetched from the bucket the first time and comes from memory the second', async () => {
  const { demo } = await start()
  const segment = new URL('stream/360p-003.m4s', demo.url)
  const statuses = [await fetch(segment), await fetch(segment)].map((it) => it.headers.get('cache-status'))
  expect(statuses[0]).toMatch(/^segment-shield; fwd=uri-miss; fwd-status=200; stored; ttl=\d+$/)
  expect(statuses[1]).toMatch(/^segment-shield; hit; ttl=\d+$/)
})

test('it prints where to look', async () => {
  const { demo, lines } = await start()
  const printed = lines.join('\n')
  for (const address of [demo.url, demo.streamUrl, `${demo.s3Endpoint}/demo`, demo.dashboardUrl])
    expect(printed).toContain(address)
})

test('a taken port of the page is one sentence with the option that changes it, and the S3 server is ended', async () => {
  const [port, s3Port] = [await occupyPort(), await freePort()]
  await expect(startDemo({ port, s3Port, adminPort: 0, print: () => undefined })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${port}: the port is taken by another program; --port N takes another one (0: any)`,
  )
  await expect(fetch(`http://127.0.0.1:${s3Port}/`)).rejects.toThrow('fetch failed')
})

test('a taken port of the S3 server is one sentence with the option that changes it', async () => {
  const s3Port = await occupyPort()
  await expect(startDemo({ port: 0, s3Port, adminPort: 0, print: () => undefined })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${s3Port}: the port is taken by another program; --s3-port N takes another one (0: any)`,
  )
})

test('a taken port of the dashboard is one sentence with the option that changes it', async () => {
  const adminPort = await occupyPort()
  await expect(startDemo({ port: 0, s3Port: 0, adminPort, print: () => undefined })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${adminPort}: the port is taken by another program; --admin-port N takes another one (0: any)`,
  )
})

test('when it is closed nothing listens any more', async () => {
  const { demo } = await start()
  running.pop()
  await demo.close()
  await expect(fetch(demo.url)).rejects.toThrow('fetch failed')
  await expect(fetch(demo.s3Endpoint)).rejects.toThrow('fetch failed')
  await expect(fetch(demo.dashboardUrl)).rejects.toThrow('fetch failed')
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
