/**
 * `segment-shield warm`: has a running shield fetch ahead what is named, and shows how far it is: a bar on a screen, a
 * line an object elsewhere.
 */

import { SingleBar } from 'cli-progress'
import { type WarmLine, warmLine } from '../admin/schemas.ts'
import { adminClient, CONNECTION_OPTIONS, parseOptions } from './admin-client.ts'
import { CommandError, type Terminal, UsageError } from './terminal.ts'

const OPTIONS = {
  ...CONNECTION_OPTIONS,
  playlist: { type: 'string', multiple: true },
  'max-bandwidth': { type: 'string' },
  'max-height': { type: 'string' },
  concurrency: { type: 'string' },
} as const

/** Told of every line but the last. */
interface Progress {
  show(line: Exclude<WarmLine, { event: 'end' }>): void
  end(): void
}

/** @throws {CommandError} where anything could not be warmed */
export async function warm(args: readonly string[], terminal: Terminal): Promise<void> {
  const { values, positionals: urls } = parseOptions(args, OPTIONS)
  const content = {
    urls,
    playlists: values.playlist,
    maxBandwidth: count(values['max-bandwidth'], '--max-bandwidth'),
    maxHeight: count(values['max-height'], '--max-height'),
    concurrency: count(values.concurrency, '--concurrency'),
  }
  const client = await adminClient(values, terminal)
  const progress = values.json ? undefined : terminal.isScreen ? bar(terminal) : lines(terminal)
  let end: Extract<WarmLine, { event: 'end' }> | undefined
  try {
    for await (const text of client.lines('POST', '/warm', content)) {
      if (values.json) terminal.print(`${text}\n`)
      const line = warmLine.parse(JSON.parse(text))
      if (line.event === 'end') end = line
      else progress?.show(line)
    }
  } finally {
    progress?.end()
  }
  if (end === undefined) throw new CommandError('the shield stopped half way')
  const { warmed, failed, bytes, isTruncated } = end
  if (!values.json) terminal.print(`warmed ${warmed}, ${bytes} bytes; ${failed} failed\n`)
  if (isTruncated) throw new CommandError('there was more than one request may warm')
  if (failed > 0) throw new CommandError(`${failed} could not be warmed`)
}

function lines({ print, complain }: Terminal): Progress {
  return {
    show: (line) => {
      const place = `${line.done}/${line.total}`
      if (line.event === 'warmed') print(`${place} ${line.url} ${line.result} ${line.bytes}\n`)
      else complain(`${place} ${line.url} failed: ${line.reason}\n`)
    },
    end: () => undefined,
  }
}

function bar({ output, complain }: Terminal): Progress {
  const shown = new SingleBar({
    stream: output,
    format: '{bar} {percentage}% | {value} of {total} | {failed} failed',
    hideCursor: true,
  })
  const failures: string[] = []
  shown.start(1, 0, { failed: 0 })
  return {
    show: (line) => {
      if (line.event === 'failed') failures.push(`${line.url} failed: ${line.reason}\n`)
      shown.setTotal(line.total)
      shown.update(line.done, { failed: failures.length })
    },
    end: () => {
      shown.stop()
      complain(failures.join(''))
    },
  }
}

function count(written: string | undefined, name: string): number | undefined {
  if (written === undefined) return undefined
  if (/^[1-9][0-9]{0,11}$/.test(written)) return Number(written)
  throw new UsageError(`${name}: expected a whole number from 1`)
}
