#!/bin/sh
# Makes the sample stream in src/demo/sample anew: 30 s of ffmpeg's own test picture and tone as HLS with fMP4 segments,
# three renditions and one audio group. The result is committed, so nobody needs ffmpeg to run the demo.
# The same ffmpeg gives the same bytes every time: one thread, no encoder tags, no dates.
#
# Needs ffmpeg with libx264; writes the rendition's name into the picture where it finds DejaVu Sans.
set -eu

cd "$(dirname "$0")"
out=sample
seconds=30
rate=25
segment=4
font=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf

# Draws "NAME  0:12" on a dark strip along the upper edge, out of the way of a player's controls. Arguments: rendition,
# height of the picture.
label() {
  [ -f "$font" ] || { printf 'null'; return; }
  size=$(($2 / 13))
  strip=$((size * 2))
  printf 'drawbox=h=%s:color=0x111820:t=fill,' "$strip"
  printf 'drawtext=fontfile=%s:fontsize=%s:fontcolor=white:x=%s:y=%s:text=%s,' \
    "$font" "$size" "$size" "$((size / 2))" "$1"
  printf 'drawtext=fontfile=%s:fontsize=%s:fontcolor=white:x=w-tw-%s:y=%s:text=%s' \
    "$font" "$size" "$size" "$((size / 2))" "'%{eif\\:t/60\\:d}\\:%{eif\\:mod(t\\,60)\\:d\\:2}'"
}

rm -rf "$out"
mkdir "$out"

# The test picture at full saturation hurts the eyes: eq tones it down.
ffmpeg -hide_banner -loglevel error -nostdin \
  -filter_threads 1 -filter_complex_threads 1 \
  -f lavfi -i "testsrc2=size=640x360:rate=$rate:duration=$seconds" \
  -f lavfi -i "sine=frequency=220:beep_factor=4:sample_rate=48000:duration=$seconds" \
  -filter_complex "
    [0:v]eq=saturation=0.42:contrast=0.82:brightness=-0.04,split=3[a][b][c];
    [a]$(label 360p 360)[v360];
    [b]scale=426:240:flags=bicubic+bitexact+accurate_rnd,$(label 240p 240)[v240];
    [c]scale=256:144:flags=bicubic+bitexact+accurate_rnd,$(label 144p 144)[v144];
    [1:a]volume=0.25,aformat=channel_layouts=mono[tone]" \
  -map '[v360]' -map '[v240]' -map '[v144]' -map '[tone]' \
  -c:v libx264 -preset veryslow -profile:v main -pix_fmt yuv420p -threads 1 \
  -bf 0 -g $((rate * segment)) -keyint_min $((rate * segment)) -sc_threshold 0 \
  -b:v:0 290k -maxrate:v:0 330k -bufsize:v:0 330k \
  -b:v:1 140k -maxrate:v:1 160k -bufsize:v:1 160k \
  -b:v:2 60k -maxrate:v:2 70k -bufsize:v:2 70k \
  -c:a aac -b:a 48k \
  -flags +bitexact -fflags +bitexact -map_metadata -1 \
  -f hls -hls_time $segment -hls_playlist_type vod -hls_list_size 0 \
  -hls_segment_type fmp4 -hls_flags independent_segments \
  -hls_fmp4_init_filename init-%v.mp4 \
  -hls_segment_filename "$out/%v-%03d.m4s" \
  -var_stream_map 'a:0,agroup:sound,default:yes,name:audio v:0,agroup:sound,name:360p v:1,agroup:sound,name:240p v:2,agroup:sound,name:144p' \
  -master_pl_name master.m3u8 \
  "$out/%v.m3u8"

du -cb "$out"/* | tail -1
