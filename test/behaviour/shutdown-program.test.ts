/** The program itself, told to end by the system while an answer is under way. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { endAll, run, start } from '../cli/program.ts'
import { type Gate, gate, pausedAfter, type S3Server, startS3Server } from '../support/s3-socket-server.ts'
import { openRequest, pattern, request } from '../support/shield.ts'

const KEY = 'vod/1.ts'
const BYTES = pattern(200_000)

let folder: string
let s3: S3Server
let rest: Gate

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'segment-shield-shutdown-'))
})
beforeEach(async () => {
  s3 = await startS3Server()
  rest = gate()
  s3.put(KEY, BYTES)
  s3.on(KEY, pausedAfter(1000, rest))
})
afterEach(async () => {
  await endAll()
  await s3.close()
})
afterAll(() => rm(folder, { recursive: true }))

async function configFile(port: number): Promise<string> {
  const file = join(folder, `${port}.yaml`)
  await writeFile(
    file,
    `
listen: [{ address: "127.0.0.1:${port}" }]
origins:
  spaces:
    { type: s3, endpoint: "${s3.endpoint}", region: sfo3, bucket: ${s3.bucket}, forcePathStyle: true, credentials: { anonymous: true } }
routes: [{ match: /**, origin: spaces }]
`,
  )
  return file
}

async function served() {
  const program = start(['serve', await configFile(0)])
  const { port } = JSON.parse(await program.line('"listening"'))
  const client = await openRequest(port, { path: `/${KEY}` })
  await client.receivedBytes(1000)
  return { ...program, port, client }
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s: the answer is finished, then the program ends with 0',
  async (signal) => {
    const { child, line, ended, port, client } = await served()
    child.kill(signal)
    await line('draining')
    // A reset is for who was in the queue of the kernel when the listener closed.
    const code = expect.stringMatching(/^ECONN(REFUSED|RESET)$/)
    await expect(request(port, { path: `/${KEY}` })).rejects.toMatchObject({ code })
    rest.open()
    const answer = await client.ended
    expect(answer.isWhole).toBe(true)
    expect(answer.body.equals(BYTES)).toBe(true)
    expect(await ended).toMatchObject({ code: 0, stderr: '' })
    await s3.socketsAtMost(0)
  },
)

test.each([
  ['SIGTERM', 'SIGTERM'],
  ['SIGINT', 'SIGTERM'],
] as const)('%s and then %s: the program ends at once with 1, and the answer is cut', async (first, second) => {
  const { child, line, ended, client } = await served()
  child.kill(first)
  await line('draining')
  child.kill(second)
  expect(await ended).toMatchObject({ code: 1, stderr: '' })
  expect((await client.ended).isWhole).toBe(false)
})

test('a port that another one serves on ends the program with 1 and a sentence that names the port', async () => {
  const { port, client } = await served()
  const { code, stderr } = await run(['serve', await configFile(port)])
  expect(code).toBe(1)
  expect(stderr).toContain(`127.0.0.1:${port}`)
  expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  rest.open()
  expect((await client.ended).body.equals(BYTES)).toBe(true)
})
