/* Claims of CPUs: one each, given back however a claimer ends, and never a reason to fail. */
#include "harness/node.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct claimer {
    pid_t pid;
    int number;
};

/* A process that claims, tells its number, and waits to be killed. */
static struct claimer claimer(const char *folder) {
    struct claimer c;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    c.pid = fork();
    if (c.pid == 0) {
        struct md_cpu cpu;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int number = md_cpu_claim(&cpu, folder);
        if (write(ends[1], &number, sizeof number) != sizeof number)
            _exit(1);
        for (;;)
            pause();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &c.number, sizeof c.number), sizeof c.number);
    close(ends[0]);
    return c;
}

static void end(struct claimer c) {
    kill(c.pid, SIGKILL);
    waitpid(c.pid, NULL, 0);
}

static int cpus(void) {
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    return CPU_COUNT(&set);
}

static void path_of(char path[256], const char *folder, int number) {
    snprintf(path, 256, "%s/memdiverge-cpu.%d", folder, number);
}

static void a_claim_pins_and_a_release_unpins(void **state) {
    struct md_cpu cpu;
    cpu_set_t before, now;
    sched_getaffinity(0, sizeof before, &before);
    for (int i = 0; i < 3; i++) {
        int number = md_cpu_claim(&cpu, *state);
        assert_true(number >= 0 && CPU_ISSET((unsigned)number, &before));
        assert_int_equal(cpu.number, number);
        assert_true(CPU_EQUAL(&cpu.before, &before));
        sched_getaffinity(0, sizeof now, &now);
        assert_int_equal(CPU_COUNT(&now), 1);
        assert_true(CPU_ISSET((unsigned)number, &now));
        md_cpu_release(&cpu);
        md_cpu_release(&cpu);
        sched_getaffinity(0, sizeof now, &now);
        assert_true(CPU_EQUAL(&now, &before));
    }
}

static void each_gets_another_until_none_is_left(void **state) {
    int n = cpus();
    struct claimer *c = calloc((size_t)n, sizeof *c);
    struct md_cpu cpu;
    for (int i = 0; i < n; i++) {
        c[i] = claimer(*state);
        assert_true(c[i].number >= 0);
        for (int j = 0; j < i; j++)
            assert_int_not_equal(c[i].number, c[j].number);
    }
    assert_int_equal(md_cpu_claim(&cpu, *state), -1);
    md_cpu_release(&cpu);
    assert_int_equal(cpus(), n);
    end(c[n - 1]);
    assert_int_equal(md_cpu_claim(&cpu, *state), c[n - 1].number);
    md_cpu_release(&cpu);
    for (int i = 0; i < n - 1; i++)
        end(c[i]);
    free(c);
}

/* /tmp is everybody's: what lies there under our name may be anything. */
static void what_is_no_lock_file_is_passed_over(void **state) {
    char path[256];
    struct md_cpu cpu;
    int first = md_cpu_claim(&cpu, *state), n = CPU_COUNT(&cpu.before);
    md_cpu_release(&cpu);
    path_of(path, *state, first);
    for (int kind = 0; kind < 3; kind++) {
        unlink(path);
        assert_int_equal(kind == 0   ? mkdir(path, 0700)
                         : kind == 1 ? mkfifo(path, 0700)
                                     : symlink("/dev/zero", path),
                         0);
        int number = md_cpu_claim(&cpu, *state);
        assert_int_not_equal(number, first);
        assert_true(n == 1 || number >= 0);
        md_cpu_release(&cpu);
        if (kind == 0)
            rmdir(path);
    }
    unlink(path);
}

static void no_folder_is_no_failure(void **state) {
    (void)state;
    struct md_cpu cpu;
    int n = cpus();
    assert_int_equal(md_cpu_claim(&cpu, "/nowhere"), -1);
    md_cpu_release(&cpu);
    assert_int_equal(cpus(), n);
}

static int own_folder(void **state) {
    char path[] = "/tmp/memdiverge-test-cpu-XXXXXX";
    *state = mkdtemp(path) ? strdup(path) : NULL;
    return *state ? 0 : -1;
}

static int no_folder(void **state) {
    char path[256];
    for (int i = 0; i < CPU_SETSIZE; i++) {
        path_of(path, *state, i);
        unlink(path);
    }
    int r = rmdir(*state);
    free(*state);
    return r;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_pins_and_a_release_unpins),
        cmocka_unit_test(each_gets_another_until_none_is_left),
        cmocka_unit_test(what_is_no_lock_file_is_passed_over),
        cmocka_unit_test(no_folder_is_no_failure),
    };
    return cmocka_run_group_tests(tests, own_folder, no_folder);
}
