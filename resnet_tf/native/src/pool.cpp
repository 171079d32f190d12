#include "pool.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <thread>

namespace resnet_tf {
namespace {

// Returns memory that the thread keeps between computations.
float* scratch_of_thread(size_t floats) {
  static thread_local std::unique_ptr<float, decltype(&std::free)> memory(nullptr, std::free);
  static thread_local size_t size = 0;
  if (size < floats) {
    memory.reset();
    size = 0;
    const size_t bytes = (floats * sizeof(float) + 63) / 64 * 64;
    memory.reset(static_cast<float*>(std::aligned_alloc(64, bytes)));
    if (!memory) throw std::bad_alloc();
    size = floats;
  }
  return memory.get();
}

struct Job {
  const std::function<void(int64_t, float*)>& work;
  int64_t parts, next, unfinished;
  size_t floats;
  bool failed = false;
  std::condition_variable done = {};
};

class Pool {
 public:
  // A forked process does not have its parent's threads, so it gets its own pool.
  static Pool& of_process() {
    static std::mutex guard;
    static Pool* pool = nullptr;
    static pid_t owner = 0;
    std::lock_guard<std::mutex> lock(guard);
    if (!pool || owner != getpid()) {
      pool = new Pool;  // lives as long as the process
      owner = getpid();
    }
    return *pool;
  }

  void resize(int count) {
    std::lock_guard<std::mutex> lock(mutex_);
    limit_ = std::max(1, count);
  }

  void run(Job& job) {
    std::unique_lock<std::mutex> lock(mutex_);
    jobs_.push_back(&job);
    running_++;
    for (int64_t wanted = std::min<int64_t>(limit_, job.parts); started_ + 1 < wanted; started_++)
      std::thread([this] { serve(); }).detach();
    wake_.notify_all();
    while (job.next < job.parts) step(job, lock);
    running_--;
    jobs_.remove(&job);
    wake_.notify_all();
    job.done.wait(lock, [&] { return job.unfinished == 0; });
    if (job.failed) throw std::bad_alloc();
  }

 private:
  // Computes the next part of a job, with the lock released.
  void step(Job& job, std::unique_lock<std::mutex>& lock) {
    const int64_t part = job.next++;
    lock.unlock();
    bool failed = false;
    try {
      job.work(part, scratch_of_thread(job.floats));
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    lock.lock();
    job.failed |= failed;
    if (--job.unfinished == 0) job.done.notify_all();
  }

  Job* open_job() {
    for (Job* job : jobs_)
      if (job->next < job->parts) return job;
    return nullptr;
  }

  void serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      Job* job = nullptr;
      wake_.wait(lock, [&] { return running_ < limit_ && (job = open_job()); });
      running_++;
      while (running_ <= limit_ && job->next < job->parts) step(*job, lock);
      running_--;
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::list<Job*> jobs_;
  int limit_ = 1;
  int started_ = 0;  // threads of the pool
  int running_ = 0;  // threads that compute now, callers included
};

}  // namespace

void parallel(int64_t parts, size_t floats,
              const std::function<void(int64_t, float*)>& work) {
  if (parts <= 0) return;
  Job job{work, parts, 0, parts, floats};
  Pool::of_process().run(job);
}

void add_parts(const float* each, int64_t parts, int64_t floats, float* to) {
  constexpr int64_t STEP = 1 << 14;
  parallel((floats + STEP - 1) / STEP, 0, [&](int64_t part, float*) {
    const int64_t first = part * STEP, last = std::min(floats, first + STEP);
    std::copy(each + first, each + last, to + first);
    for (int64_t p = 1; p < parts; p++)
      for (int64_t i = first; i < last; i++) to[i] += each[p * floats + i];
  });
}

void set_threads(int count) { Pool::of_process().resize(count); }

}  // namespace resnet_tf
