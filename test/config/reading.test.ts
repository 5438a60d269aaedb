import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readConfig } from '../../src/config/load.ts'
import { summarise } from '../../src/config/summary.ts'
import { goodWith, load } from './good.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'segment-shield-config-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function written(name: string, content: string | Uint8Array): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, content)
  return file
}

test('a good file becomes a configuration, with a byte order mark or without', async () => {
  const expected = load(goodWith())
  expect(await readConfig(await written('good.yaml', goodWith()), {})).toEqual(expected)
  expect(await readConfig(await written('marked.yaml', `\ufeff${goodWith()}`), {})).toEqual(expected)
})

test('a file that is not there is named', async () => {
  const file = join(folder, 'nowhere.yaml')
  await expect(readConfig(file, {})).rejects.toMatchObject({
    name: 'ConfigError',
    problems: [{ path: file, message: 'there is no such file' }],
  })
  await expect(readConfig(join(await written('file', ''), 'below'), {})).rejects.toThrow('there is no such file')
})

test('a directory is no file', async () => {
  await expect(readConfig(folder, {})).rejects.toMatchObject({
    name: 'ConfigError',
    problems: [{ path: folder, message: 'is a directory, expected a file' }],
  })
})

test('a name that no file can have is a plain sentence too', async () => {
  await expect(readConfig('x'.repeat(5000), {})).rejects.toThrow('cannot be read (ENAMETOOLONG)')
  await expect(readConfig('a\0b', {})).rejects.toThrow('cannot be read (ERR_INVALID_ARG_VALUE)')
})

test('bytes that are no text are not guessed at', async () => {
  const file = await written('latin1.yaml', Buffer.from([0x61, 0x3a, 0x20, 0xe4, 0x0a]))
  await expect(readConfig(file, {})).rejects.toThrow(`${file}: is not UTF-8 text`)
})

test('a file that is far too large is not parsed', async () => {
  const file = await written('film.yaml', Buffer.alloc(1024 * 1024 + 1, '#'))
  await expect(readConfig(file, {})).rejects.toThrow(`${file}: is larger than 1MiB`)
})

test('the summary says where an http origin is', () => {
  const origin = { type: 'http', url: 'http://127.0.0.1:9000', limits: { requestsPerSecond: 7 } }
  expect(summarise(load(goodWith('origins.packager', origin)))).toContain(
    '  origin  packager: http at http://127.0.0.1:9000, 200 sockets, 7 requests a second\n',
  )
})

test('the summary names listeners, origins with their endpoint, and routes in order, without secrets', () => {
  const credentials = { accessKeyId: 'hush-id', secretAccessKey: 'hush-key' }
  const text = goodWith('origins.spaces.credentials', credentials).replace(
    '"routes":[',
    '"routes":[{"match":"/live/**","origin":"spaces","ttl":"1500ms"},',
  )
  expect(summarise(load(text))).toBe(
    [
      '  listen  127.0.0.1:8080\n',
      '  cache   1GiB, objects up to 8MiB\n',
      '  origin  spaces: s3 at https://sfo3.example.com, 200 sockets\n',
      '  route   /live/** → spaces, ttl 1500ms\n',
      '  route   /** → spaces\n',
    ].join(''),
  )
})
