/* Tries to write where it may not: outside its directory, over its inputs, through links. Every attempt must be
 * refused; it says how, and exits with the number of attempts that were not. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const PATHS[] = {
    "/etc/passwd", "/tmp/escaped", "../escaped", "/out/../escaped", "/out/../../escaped", "/in/escaped",
    "/proc/self/mem", "/dev/sda", "missing/../../escaped",
};

static int report(const char *what, const char *path, int succeeded) {
    printf("%s %s: %s\n", what, path, succeeded ? "DONE" : strerror(errno));
    return succeeded;
}

int main(void) {
    int escaped = 0;
    for (unsigned i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        FILE *file = fopen(PATHS[i], "w");
        escaped += report("write", PATHS[i], file != NULL);
        if (file) fclose(file);
    }
    escaped += report("symlink to", "/etc", symlink("/etc", "link") == 0);
    escaped += report("rename to", "/in/moved", rename("own", "/in/moved") == 0);
    return escaped;
}
