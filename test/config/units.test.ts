import { describe, expect, test } from 'vitest'
import { formatSize, formatTime, parseSize, parseTime } from '../../src/config/units.ts'

describe('sizes', () => {
  test.each([
    ['64KiB', 65_536],
    ['4MiB', 4_194_304],
    ['1GiB', 1_073_741_824],
    ['2TiB', 2_199_023_255_552],
    ['512B', 512],
    ['512', 512],
    [512, 512],
    ['0', 0],
  ])('%s is %i bytes', (written, bytes) => {
    expect(parseSize(written)).toBe(bytes)
  })

  test.each(['', 'KiB', '64KB', '64kib', '64 KiB', ' 64KiB', '1.5GiB', '-1', '+1', '1e3', '0x10', '64KiB\n', '٣KiB'])(
    '%j is no size',
    (written) => {
      expect(parseSize(written)).toBeUndefined()
    },
  )

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e21])('the number %d is no size', (written) => {
    expect(parseSize(written)).toBeUndefined()
  })

  test('a size that no number holds exactly is no size', () => {
    expect(parseSize('8191TiB')).toBe(8191 * 1024 ** 4)
    expect(parseSize('8193TiB')).toBeUndefined()
    expect(parseSize('9007199254740993')).toBeUndefined()
  })

  test.each([
    [1, '1B'],
    [1023, '1023B'],
    [65_536, '64KiB'],
    [1024 ** 3, '1GiB'],
    [1024 ** 3 + 1, '1073741825B'],
  ])('%i bytes are shown as %s', (bytes, shown) => {
    expect(formatSize(bytes)).toBe(shown)
    expect(parseSize(shown)).toBe(bytes)
  })
})

describe('times', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['10m', 600_000],
    ['1h', 3_600_000],
    ['14d', 1_209_600_000],
    ['0', 0],
    [0, 0],
    ['0s', 0],
  ])('%s is %i milliseconds', (written, ms) => {
    expect(parseTime(written)).toBe(ms)
  })

  test.each(['', ' ', 's', '30', '30 s', '30S', '30sec', '1.5s', '-1s', '1w', '30s\n', '00', '0x0'])(
    '%j is no time',
    (written) => {
      expect(parseTime(written)).toBeUndefined()
    },
  )

  test('a bare number other than 0 is no time, because it has no unit', () => {
    expect(parseTime(30)).toBeUndefined()
  })

  test('a time that no number holds exactly is no time', () => {
    expect(parseTime('104249991d')).toBe(104_249_991 * 86_400_000)
    expect(parseTime('104249992d')).toBeUndefined()
  })

  test.each([
    [0, '0'],
    [999, '999ms'],
    [1000, '1s'],
    [90_000, '90s'],
    [86_400_000, '1d'],
  ])('%i milliseconds are shown as %s', (ms, shown) => {
    expect(formatTime(ms)).toBe(shown)
    expect(parseTime(shown)).toBe(ms)
  })
})
