#!/bin/sh
# Builds ffprobe, and nothing else, in an unpacked FFmpeg source tree; leaves ./ffprobe there.
#   cd tree && sh build.sh x86_64|arm64 JOBS
# LGPL parts only; no network; what TikTok takes is decoded, all else is only named.
set -eu

architecture=$1
jobs=$2

# Nothing of the caller's taste, place or hour may reach the bytes; a make that calls this hands on
# what stood on its own command line, ARCH among it, which FFmpeg's Makefile uses.
unset CFLAGS CPPFLAGS LDFLAGS ASFLAGS CC CCACHE_DIR MAKEFLAGS MFLAGS MAKEOVERRIDES ARCH || true
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=315532800
umask 022

machine=$(uname -m)
[ "$machine" = aarch64 ] && machine=arm64
if [ "$architecture" = "$machine" ]; then
    set --
elif [ "$architecture" = arm64 ]; then
    set -- --enable-cross-compile --arch=aarch64 --target-os=linux --cross-prefix=aarch64-linux-gnu-
else
    set -- --enable-cross-compile --arch=x86_64 --target-os=linux --cross-prefix=x86_64-linux-gnu-
fi
# Without nasm it works as well, only slower: good enough for a machine's own use.
if [ "$architecture" = x86_64 ] && ! command -v nasm >/dev/null; then
    set -- "$@" --disable-x86asm
fi

# It reads what strangers send: position-independent, guarded, nothing writable that need not be.
./configure "$@" \
    --prefix=/opt \
    --disable-all --disable-autodetect --disable-network --disable-doc --disable-debug \
    --enable-pthreads --enable-pic \
    --enable-avutil --enable-avcodec --enable-avformat --enable-swresample --enable-ffprobe \
    --enable-protocol=file \
    --enable-demuxer=mov,matroska \
    --enable-decoder=h264,hevc,vp8,vp9,aac,opus,vorbis \
    --enable-parser=h264,hevc,vp8,vp9,aac,opus,vorbis \
    --extra-cflags="-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2" \
    --extra-ldflags="-Wl,--build-id=none -Wl,-z,relro,-z,now" \
    --extra-ldexeflags=-static-pie
# Here and not above: configure's options are written into the program.
make -j"$jobs" ECFLAGS="-ffile-prefix-map='$PWD'=." ffprobe
