/** Whoever reads the log may be slow, stand still or leave: through a real pipe, as `| head -1` makes one. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'

const CLI = resolve(import.meta.dirname, '../../src/cli.ts')
const agent = new Agent({ keepAlive: true, maxSockets: 50 })
let folder = ''
const cleanUp: (() => void)[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'segment-shield-log-'))
})
afterEach(async () => {
  for (const step of cleanUp.splice(0)) step()
  await rm(folder, { recursive: true })
})

/** One end of a pipe; reads what is there without waiting for more. */
class PipeReader {
  readonly #fd: number
  #text = ''
  #isOpen = true

  constructor(file: string) {
    this.#fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    cleanUp.push(() => this.leave())
  }

  leave(): void {
    if (this.#isOpen) closeSync(this.#fd)
    this.#isOpen = false
  }

  /** Reads until a line holds this text. */
  async line(text: string): Promise<string> {
    for (;;) {
      this.#read()
      const line = this.#text
        .split('\n')
        .slice(0, -1)
        .find((candidate) => candidate.includes(text))
      if (line !== undefined) return line
      await setImmediate()
    }
  }

  #read(): void {
    const chunk = Buffer.allocUnsafe(64 * 1024)
    try {
      this.#text += chunk.toString('utf8', 0, readSync(this.#fd, chunk))
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
    }
  }
}

async function started(format: 'json' | 'pretty', more = '') {
  const [pipe, config] = [join(folder, 'pipe'), join(folder, 'serve.yaml')]
  await writeFile(
    config,
    `
listen: [{ address: "127.0.0.1:0" }]
log: { format: ${format} }
origins: { unused: { type: http, url: "http://127.0.0.1:1" } }
routes: [{ match: /**, origin: unused }]
${more}`,
  )
  execFileSync('mkfifo', [pipe])
  const reader = new PipeReader(pipe)
  const writeEnd = openSync(pipe, constants.O_WRONLY)
  const child = spawn(process.execPath, [CLI, 'serve', config], { env: {}, stdio: ['ignore', writeEnd, 'pipe'] })
  closeSync(writeEnd)
  cleanUp.push(() => child.kill('SIGKILL'))
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, stderr }))
  const portIn = (line: string) => Number(/"port":\s?(\d+)/.exec(line)?.[1])
  const adminPort = more === '' ? 0 : portIn(await reader.line('admin listening'))
  const port = portIn(await reader.line(more === '' ? 'listening' : '"listening"'))
  return { child, ended, port, adminPort, reader }
}

/** Requests that are refused without an origin; each makes one access record. */
async function refused(port: number, count: number): Promise<number> {
  const one = async (nth: number) => {
    const [response] = await once(get({ port, host: '127.0.0.1', agent, path: `/${nth}/%zz` }), 'response')
    response.resume()
    await once(response, 'end')
    return response.statusCode === 400
  }
  let answered = 0
  for (let nth = 0; nth < count; nth += 50) {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => one(nth + index)))
    answered += answers.filter(Boolean).length
  }
  return answered
}

const formats = ['json', 'pretty'] as const

test.each(formats)('SIGTERM ends it with exit code 0 when nobody reads its log any more (%s)', async (format) => {
  const { child, ended, reader } = await started(format)
  reader.leave()
  child.kill('SIGTERM')
  expect(await ended).toEqual({ code: 0, signal: null, stderr: '' })
})

test.each(formats)('ten thousand requests are answered after the reader of the log has left (%s)', async (format) => {
  const { child, ended, port, reader } = await started(format)
  reader.leave()
  expect(await refused(port, 10_000)).toBe(10_000)
  child.kill('SIGTERM')
  expect(await ended).toEqual({ code: 0, signal: null, stderr: '' })
})

test.each(formats)(
  'a reader that stands still holds up no answer, and hears how many lines it has missed (%s)',
  async (format) => {
    const { child, ended, port, reader } = await started(format)
    expect(await refused(port, 10_000)).toBe(10_000)
    await reader.line('log lines lost')
    child.kill('SIGTERM')
    await reader.line('closed')
    expect(await ended).toEqual({ code: 0, signal: null, stderr: '' })
  },
)

test('lines that a reader who stands still has missed are counted for who watches the program', async () => {
  const { child, ended, port, adminPort, reader } = await started('json', 'admin: { address: "127.0.0.1:0" }')
  const counted = async () => {
    const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
    return Number(/^segment_shield_log_lines_lost_total (\d+)$/m.exec(text)?.[1])
  }
  expect(await counted()).toBe(0)
  expect(await refused(port, 10_000)).toBe(10_000)
  const { lines } = JSON.parse(await reader.line('log lines lost'))
  expect(lines).toBeGreaterThan(0)
  expect(await counted()).toBe(lines)
  child.kill('SIGTERM')
  await reader.line('closed')
  expect(await ended).toEqual({ code: 0, signal: null, stderr: '' })
})

test('SIGTERM ends it with exit code 0 when the reader of its log stands still', async () => {
  const { child, ended, port } = await started('json')
  expect(await refused(port, 2000)).toBe(2000)
  child.kill('SIGTERM')
  expect(await ended).toEqual({ code: 0, signal: null, stderr: '' })
})
