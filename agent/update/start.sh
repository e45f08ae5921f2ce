#!/bin/sh
# Starts the provider of the version that `current` names. It stands outside of every version and is never replaced.
#
# A version that was just switched to is on trial until its daemon has been heard by the market: the file `trial` names
# it and the seconds that it has. One that ends before, takes longer, or was on trial already when this was started (the
# machine went down with it) is set aside, and the previous one is started instead. One that ends with status 0 has left
# in order, as its owner wanted: it is tried again at the next start.
set -u
here=$(pwd)
root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 11
cd "$root" || exit 11

start() { # where this was started: settings may have relative paths
    python=$(readlink -f current)/bin/python
    cd "$here" || exit 11
    exec "$python" -P -m agent provider --supervised
}

fall_back() { # why
    mkdir -p aside
    printf '%s\n' "$1" > "aside/$version"
    ln -sfn "$(readlink previous)" .current.part
    mv -Tf .current.part current
    rm -f trial trial.begun
    echo "computehive: version $version $1: back to $(readlink current)" >&2
    start
}

[ -e trial ] || start
read -r version seconds < trial || :
if [ "versions/$version" != "$(readlink current)" ]; then # switched to nothing: the machine went down before
    rm -f trial trial.begun
    start
fi
[ -e trial.begun ] && fall_back "did not come up before the machine, or this script, was stopped"
: > trial.begun

(start) &
child=$!
stopped=
trap 'stopped=yes; kill -TERM "$child" 2>/dev/null' TERM INT
trap 'kill -USR1 "$child" 2>/dev/null' USR1

until_end() { # waits on through signals; sets status
    wait "$child"
    status=$?
    while kill -0 "$child" 2>/dev/null; do
        wait "$child"
        status=$?
    done
}

waited=0
while [ -e trial ] && [ -z "$stopped" ] && kill -0 "$child" 2>/dev/null && [ "$waited" -lt "$seconds" ]; do
    sleep 1 &
    wait $!
    waited=$((waited + 1))
done

again() { # its owner has ended it: that is no fault of the version
    rm -f trial.begun
    exit "$status"
}

if [ -e trial ] && [ -n "$stopped" ]; then
    until_end
    again
fi
if [ -e trial ] && kill -0 "$child" 2>/dev/null; then
    kill -TERM "$child" 2>/dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        kill -0 "$child" 2>/dev/null || break
        sleep 1 &
        wait $!
    done
    kill -KILL "$child" 2>/dev/null
    wait "$child"
    fall_back "had not reached the market after $seconds s"
fi
until_end
[ -e trial ] && [ "$status" -eq 0 ] && again
[ -e trial ] && fall_back "ended with status $status before it had reached the market"
exit "$status"
